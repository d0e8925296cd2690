//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// TestWhatUsersOfDockerKnowOfManyContainers goes on where TestWhatUsersOfDockerKnow ends, with what takes several containers.
func TestWhatUsersOfDockerKnowOfManyContainers(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	d.Import("labelled", bytes.NewReader(harness.BusyboxTar(t)), `LABEL a=image b=image`, `CMD ["sh"]`)
	for name, try := range map[string]func(k known){
		"the beginning of several containers' IDs is refused": func(k known) {
			first := map[string]bool{}
			var ids []string
			for range 17 { // there are 16 digits
				id := k.c.Must("create", busybox)
				ids = append(ids, id)
				if digit := id[:1]; first[digit] {
					k.tells(1, "multiple IDs found with provided prefix: "+digit, "start", digit)
					if s := k.status("GET", "/containers/"+digit+"/json"); s != http.StatusBadRequest {
						k.Errorf("it is answered %d", s)
					}
					break
				}
				first[id[:1]] = true
			}
			k.c.Must(append([]string{"rm"}, ids...)...)
		},
		"the ID that is shown is the first 12 digits": func(k known) {
			id := k.c.Must("create", "--name", "short", busybox)
			if got := k.c.Must("ps", "-aq", "-f", "name=^short$"); got != id[:12] {
				k.Errorf("ps shows %s of %s", got, id)
			}
			k.c.Must("rm", "short")
		},
		"an anonymous volume has a name of 64 digits, and a volume is found by its whole name": func(k known) {
			id := k.c.Must("create", "-v", "/anon", "-v", "whole-name:/named", busybox)
			names := k.c.Must("inspect", "-f", "{{range .Mounts}}{{.Name}} {{end}}", id)
			if !regexp.MustCompile(`\b[0-9a-f]{64}\b`).MatchString(names) || !strings.Contains(names, "whole-name") {
				k.Errorf("the volumes are %s", names)
			}
			other := k.c.Must("create", "-v", "whole:/named", busybox) // the beginning of a name is another name
			k.is(other, "{{range .Mounts}}{{.Name}}{{end}}", "whole")
			k.c.Must("rm", "-v", id, other)
		},
		"labels of the image are inherited, and the user's replace those of the same key": func(k known) {
			id := k.c.Must("create", "-l", "b=user", "-l", "c=user", "labelled")
			k.is(id, "{{json .Config.Labels}}", `{"a":"image","b":"user","c":"user"}`)
			k.c.Must("rm", id)
		},
		"kill waits for the end, and what was killed is not started again": func(k known) {
			id := k.c.Must("run", "-d", "--restart", "always", busybox, "sleep", "1000")
			k.c.Must("kill", id)
			k.is(id, "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", "exited 137 0")
			k.c.Must("rm", id)
		},
		"a signal that need not mean an end leaves the container running": func(k known) {
			id := k.c.Must("run", "-d", busybox, "sleep", "1000")
			k.c.Must("kill", "-s", "WINCH", id)
			k.is(id, "{{.State.Status}}", "running")
			k.c.Must("rm", "-f", id)
		},
		"wait prints an exit code a line, in the order of its arguments": func(k known) {
			a, b := k.c.Must("run", "-d", busybox, "sh", "-c", "exit 3"), k.c.Must("run", "-d", busybox, "sh", "-c", "exit 4")
			if got := k.c.Must("wait", a, b); got != "3\n4" {
				k.Errorf("wait says %q", got)
			}
			k.c.Must("rm", a, b)
		},
		"an end is told of with its exit code and how long it ran, and before a removal": func(k known) {
			k.c.Run("run", "--rm", "--name", "told", busybox, "sh", "-c", "exit 5")
			var seen []string
			for _, e := range k.events("container=told") {
				seen = append(seen, e.Action)
				if e.Action == "die" && (e.Actor.Attributes["exitCode"] != "5" || e.Actor.Attributes["execDuration"] == "") {
					k.Errorf("the end is told with %v", e.Actor.Attributes)
				}
			}
			if got := strings.Join(seen, " "); !strings.HasSuffix(got, "start die destroy") {
				k.Errorf("the events are %s", got)
			}
		},
		"a restart is told of as kill, die, stop, start and restart": func(k known) {
			k.c.Must("run", "-d", "--name", "again", busybox, "sleep", "1000")
			k.c.Must("restart", "-t", "0", "again")
			var seen []string
			for _, e := range k.events("container=again") {
				seen = append(seen, e.Action)
			}
			if got := strings.Join(seen, " "); !strings.HasSuffix(got, "kill die stop start restart") {
				k.Errorf("the events are %s", got)
			}
			k.c.Must("rm", "-f", "again")
		},
		"attach shows nothing of what was said before": func(k known) {
			id := k.c.Must("run", "-d", "-i", busybox, "sh", "-c", "echo before; read x; echo after")
			harness.Eventually(k, "it has spoken", func() error {
				if got := k.c.Must("logs", id); got != "before" {
					return fmt.Errorf("its log is %q", got)
				}
				return nil
			})
			if r := k.c.In(strings.NewReader("\n")).Run("attach", id); r.Stdout != "after\n" {
				k.Errorf("attach shows %q %q", r.Stdout, r.Stderr)
			}
			k.tells(1, "annot attach to a stopped container, start it first", "attach", id)
			k.c.Must("rm", id)
		},
		"a line of more than 16 KiB comes back whole": func(k known) {
			id := k.c.Must("run", "-d", busybox, "sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end")
			k.c.Must("wait", id)
			if got := k.c.Must("logs", id); got != strings.Repeat("x", 40000)+"\nend" {
				k.Errorf("the log has %d bytes", len(got))
			}
			k.c.Must("rm", id)
		},
		"what a healthcheck does not say is 30 seconds, 3 retries and no start period, and is not shown": func(k known) {
			id := k.c.Must("create", "--health-cmd", "true", busybox)
			k.is(id, "{{with .Config.Healthcheck}}{{.Interval}} {{.Timeout}} {{.StartPeriod}} {{.Retries}}{{end}}", "0s 0s 0s 0")
			k.tells(1, "Timeout in Healthcheck cannot be less than 1ms", "create", "--health-cmd", "true", "--health-timeout", "1us", busybox)
			k.c.Must("rm", id)
		},
		"ps finds by image, volume and port, and takes both forms of filters": func(k known) {
			id := k.c.Must("run", "-d", "--name", "wanted", "-v", "sought:/mnt", "--expose", "7777", "--expose", "8000-8010/udp", "labelled", "sleep", "1000")
			for _, filter := range []string{"ancestor=labelled", "volume=sought", "volume=/mnt", "expose=7777", "expose=8005/udp", "expose=7000-7800/tcp"} {
				if got := k.c.Must("ps", "-aq", "--no-trunc", "-f", filter, "-f", "name=^wanted$"); got != id {
					k.Errorf("%s finds %q", filter, got)
				}
			}
			for _, filters := range []string{`{"name":["^/wanted$"]}`, `{"name":{"^/wanted$":true}}`} {
				if got := k.get("/containers/json?all=1&filters=" + strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22", "^", "%5E").Replace(filters)); !strings.Contains(got, id) {
					k.Errorf("%s finds %s", filters, got)
				}
			}
			k.c.Must("rm", "-fv", id)
		},
		"ps shows the newest first, and -n and -l stopped ones too": func(k known) {
			for _, name := range []string{"o1", "o2", "o3"} {
				k.c.Must("create", "--name", name, "-l", "order", busybox)
			}
			if got := k.c.Must("ps", "-a", "-f", "label=order", "--format", "{{.Names}}"); got != "o3\no2\no1" {
				k.Errorf("ps shows %q", got)
			}
			if got := k.c.Must("ps", "-n", "2", "-f", "label=order", "--format", "{{.Names}}"); got != "o3\no2" {
				k.Errorf("ps -n 2 shows %q", got)
			}
			k.c.Must("rm", "o1", "o2", "o3")
		},
		"json is an object a line, a table has headers, and escapes are read": func(k known) {
			k.c.Must("create", "--name", "shown", busybox)
			var row map[string]any
			if err := json.Unmarshal([]byte(k.c.Must("ps", "-a", "-f", "name=^shown$", "--format", "json")), &row); err != nil || row["Names"] != "shown" {
				k.Errorf("%v, %v", row, err)
			}
			if got := k.c.Must("ps", "-a", "-f", "name=^shown$", "--format", `table {{.Names}}\t{{.State}}`); !regexp.MustCompile(`^NAMES +STATE\nshown +created$`).MatchString(got) {
				k.Errorf("the table is %q", got)
			}
			k.c.Must("rm", "shown")
		},
		"a start that fails leaves the text in the state, and 128 when nothing fits better": func(k known) {
			k.tells(127, "", "run", "--name", "failed", busybox, "/no/such/program")
			k.is("failed", "{{.State.ExitCode}} {{ne .State.Error \"\"}}", "127 true")
			k.c.Must("rm", "failed")
		},
		"run gives output and errors apart, and a container's exit code": func(k known) {
			if r := k.c.Run("run", "--rm", busybox, "sh", "-c", "echo out; echo err >&2; exit 9"); r.Stdout != "out\n" || r.Stderr != "err\n" || r.Code != 9 {
				k.Errorf("%+v", r)
			}
		},
		"events of the past are filtered by name, ID and what happened": func(k known) {
			id := k.c.Must("create", "--name", "noted", busybox)
			k.c.Must("rm", "noted")
			for _, filter := range []string{"container=noted", "container=" + id} {
				if got := k.events(filter); len(got) != 2 || got[0].Action != "create" || got[1].Action != "destroy" {
					k.Errorf("%s shows %+v", filter, got)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) { try(known{t, d.Client(t, "docker"), d, busybox}) })
	}
}

// TestAtADaemonsEndContainersGetTheirStopSignalInParallel has two containers that end only when both have got it.
func TestAtADaemonsEndContainersGetTheirStopSignalInParallel(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--live-restore=false"))
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	dir := t.TempDir()
	for _, pair := range [][2]string{{"left", "right"}, {"right", "left"}} {
		c.Must("run", "-d", "--name", pair[0], "--stop-timeout", "100", "-v", dir+":/met", busybox, "sh", "-c",
			fmt.Sprintf("trap got=1 TERM; touch /met/ready-%[1]s; while test -z \"$got\"; do sleep 0.05; done; touch /met/%[1]s; while ! test -e /met/%[2]s; do sleep 0.05; done", pair[0], pair[1]))
	}
	for _, name := range []string{"ready-left", "ready-right"} {
		harness.Eventually(t, name, func() error {
			_, err := os.Stat(filepath.Join(dir, name))
			return err
		})
	}
	d.Restart()
	for _, name := range []string{"left", "right"} {
		c.Prints("exited 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
	}
}

// happened is an event, as far as it is looked at.
type happened struct {
	Action string
	Actor  struct{ Attributes map[string]string }
}

// events are those of the past that a filter lets through.
func (k known) events(filter string) []happened {
	k.Helper()
	var out []happened
	now := time.Now()
	for line := range strings.Lines(k.c.Must("events", "--since", "1h", "--until", fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()), "--filter", filter, "--filter", "type=container", "--format", "json")) {
		var e happened
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			k.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// get is the body of an answer.
func (k known) get(path string) string {
	k.Helper()
	resp, err := k.d.HTTP().Get("http://berth/v1.47" + path)
	if err != nil {
		k.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		k.Fatal(err)
	}
	return string(b)
}
