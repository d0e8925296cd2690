//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// asker is either daemon.
type asker interface {
	Ask(t testing.TB, method, path, body string) harness.Answer
}

// execIn makes an exec and returns its ID, or what refused it.
func execIn(t *testing.T, d asker, container, body string) (string, harness.Answer) {
	t.Helper()
	a := d.Ask(t, "POST", "/v1.41/containers/"+container+"/exec", body)
	var made struct{ Id string }
	if a.Status == 201 {
		if err := json.Unmarshal([]byte(a.Body), &made); err != nil {
			t.Fatal(err)
		}
	}
	return made.Id, a
}

// plain is a text without what differs between any two containers, runs and runtimes.
func plain(text string) string {
	text = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{12}\b`).ReplaceAllString(text, "ID")
	text = regexp.MustCompile(`"Pid":[1-9][0-9]*`).ReplaceAllString(text, `"Pid":N`)
	text = strings.NewReplacer("Container ID", "container ID", `: unknown`, "", "unable to start container process: ", "").Replace(text)
	return text
}

// payload takes the frames off a stream.
func payload(body string) string {
	var out strings.Builder
	for len(body) >= 8 && body[0] <= 2 && body[1] == 0 {
		n := int(body[4])<<24 | int(body[5])<<16 | int(body[6])<<8 | int(body[7])
		n = min(n, len(body)-8)
		out.WriteString(body[8 : 8+n])
		body = body[8+n:]
	}
	return out.String() + body
}

// sortedLines makes the order of an environment not matter.
func sortedLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestExecDoesAsDockers(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	both := map[string]asker{"docker": docker.Place, "berth": d.Place}
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		c.Must("run", "-d", "--name", "up", "-e", "FOO=bar", "-w", "/tmp", busybox, "sleep", "1000")
		c.Must("run", "--name", "ended", busybox, "true")
		c.Must("create", "--name", "new", busybox, "true")
	}
	for _, ask := range [][2]string{
		{"ended", `{"Cmd":["true"]}`}, {"new", `{"Cmd":["true"]}`}, {"nobody", `{"Cmd":["true"]}`}, {"up", `{"Cmd":[]}`}, {"up", `{}`},
	} {
		_, theirs := execIn(t, both["docker"], ask[0], ask[1])
		_, ours := execIn(t, both["berth"], ask[0], ask[1])
		if theirs.Status != ours.Status || plain(theirs.Body) != plain(ours.Body) {
			t.Errorf("%s %s: Docker answers %v, berth %v", ask[0], ask[1], theirs, ours)
		}
	}
	for _, body := range []string{
		`{"Cmd":["true"]}`, `{"Cmd":["sh","-c","exit 3"],"AttachStdout":true}`, `{"Cmd":["id"],"User":"nouser","AttachStdout":true}`,
		`{"Cmd":["pwd"],"WorkingDir":"rel","AttachStdout":true}`, `{"Cmd":["pwd"],"WorkingDir":"/root","AttachStdout":true}`,
		`{"Cmd":["env"],"Env":["FOO=x","BAD","A="],"AttachStdout":true}`, `{"Cmd":["env"],"Env":["FOO"],"AttachStdout":true}`,
		`{"Cmd":["sh","-c","echo out; sleep 0.1; echo err >&2"],"AttachStdout":true,"AttachStderr":true}`,
		`{"Cmd":["sh","-c","echo out; echo err >&2"],"AttachStderr":true}`, `{"Cmd":["sh","-c","echo out"],"AttachStdout":true,"Tty":true}`,
		`{"Cmd":["env"],"AttachStdout":true,"Tty":true}`, `{"Cmd":["id"],"User":"33:44","AttachStdout":true}`, `{"Cmd":["id"],"User":"www","AttachStdout":true}`,
		`{"Cmd":["sh","-c","kill -9 $$"],"AttachStdout":true}`, `{"Cmd":["true"],"DetachKeys":"ctrl-x,y"}`,
	} {
		var seen [2]string
		for i, d := range []asker{both["docker"], both["berth"]} {
			id, _ := execIn(t, d, "up", body)
			inspect := func() string { return plain(d.Ask(t, "GET", "/v1.41/exec/"+id+"/json", "").Body) }
			text := "made: " + shapeless(t, inspect())
			out := d.Ask(t, "POST", "/v1.41/exec/"+id+"/start", "{}")
			text += fmt.Sprintf("\nstarted: %d\n%s", out.Status, sortedLines(plain(payload(out.Body))))
			harness.Eventually(t, "its end", func() error {
				if now := inspect(); strings.Contains(now, `"ExitCode":null`) {
					return fmt.Errorf("it is %s", now)
				}
				return nil
			})
			seen[i] = text + "\nended: " + shapeless(t, inspect())
		}
		if seen[0] != seen[1] {
			t.Errorf("%s\nDocker %s\n\nberth %s", body, seen[0], seen[1])
		}
	}
}

// shapeless is an object with its keys in order.
func shapeless(t *testing.T, body string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(body, `"Pid":N`, `"Pid":1`)), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExecsGoWithTheirContainerAsDockersDo(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	var seen [2]string
	for i, at := range []struct {
		d asker
		c harness.Client
	}{{docker.Place, docker.Client(t)}, {d.Place, d.Client(t, "docker")}} {
		say := func(what string, a harness.Answer) {
			seen[i] += fmt.Sprintf("%s: %d %s\n", what, a.Status, plain(a.Body))
		}
		exec := func(method, id, verb, body string) harness.Answer {
			return at.d.Ask(t, method, "/v1.41/exec/"+id+verb, body)
		}
		at.c.Must("run", "-d", "--name", "short", busybox, "sleep", "1000")
		running, _ := execIn(t, at.d, "short", `{"Cmd":["sleep","1000"],"Tty":true}`)
		flat, _ := execIn(t, at.d, "short", `{"Cmd":["sleep","1000"]}`)
		fresh, _ := execIn(t, at.d, "short", `{"Cmd":["true"]}`)
		say("a detached start", exec("POST", running, "/start", `{"Detach":true}`))
		say("one without a terminal", exec("POST", flat, "/start", `{"Detach":true}`))
		say("its size", exec("POST", running, "/resize?h=10&w=20", ""))
		say("a size without a terminal", exec("POST", flat, "/resize?h=10&w=20", ""))
		if ids := at.c.Must("inspect", "-f", "{{len .ExecIDs}}", "short"); ids != "3" {
			t.Errorf("%s execs are shown", ids)
		}
		at.c.Must("kill", "short")
		at.c.Must("wait", "short")
		harness.Eventually(t, "the exec's end", func() error {
			if a := exec("GET", running, "/json", ""); !strings.Contains(a.Body, `"ExitCode":137`) {
				return fmt.Errorf("%s", a.Body)
			}
			return nil
		})
		say("one that was never started", exec("GET", fresh, "/json", ""))
		say("its start", exec("POST", fresh, "/start", "{}"))
		say("the execs of a stopped one", harness.Answer{Body: at.c.Must("inspect", "-f", "{{json .ExecIDs}}", "short")})
		at.c.Must("start", "short")
		say("the same after another start", exec("GET", fresh, "/json", ""))
		other, _ := execIn(t, at.d, "short", `{"Cmd":["true"]}`)
		at.c.Must("rm", "-f", "short")
		for _, id := range []string{other, "nobody"} {
			say("of a removed one", exec("GET", id, "/json", ""))
			say("its start", exec("POST", id, "/start", "{}"))
			say("its size", exec("POST", id, "/resize?h=1&w=1", ""))
		}
	}
	if seen[0] != seen[1] {
		t.Errorf("Docker:\n%s\nberth:\n%s", seen[0], seen[1])
	}
}

func TestTheSizeOfATerminalIsSetAsDockerSetsIt(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		c.Must("run", "-dt", "--name", "up", busybox, "sleep", "1000")
		c.Must("run", "-d", "--name", "flat", busybox, "sleep", "1000")
		c.Must("create", "-t", "--name", "new", busybox, "true")
		c.Must("run", "-t", "--name", "ended", busybox, "true")
	}
	for _, path := range []string{"up/resize?h=10&w=20", "flat/resize?h=10&w=20", "new/resize?h=10&w=20", "ended/resize?h=10&w=20", "nobody/resize?h=10&w=20", "up/resize?h=0&w=0"} {
		a, b := docker.Ask(t, "POST", "/v1.41/containers/"+path, ""), d.Ask(t, "POST", "/v1.41/containers/"+path, "")
		if a.Status != b.Status || plain(a.Body) != plain(b.Body) {
			t.Errorf("%s: Docker answers %v, berth %v", path, a, b)
		}
	}
	for _, path := range []string{"up/resize?h=x&w=20", "up/resize", "nobody/resize?h=x&w=1"} { // later Dockers have other words
		a, b := docker.Ask(t, "POST", "/v1.41/containers/"+path, ""), d.Ask(t, "POST", "/v1.41/containers/"+path, "")
		if a.Status != b.Status {
			t.Errorf("%s: Docker answers %v, berth %v", path, a, b)
		}
	}
	c := d.Client(t, "docker")
	d.Ask(t, "POST", "/containers/up/resize?h=11&w=33", "")
	if size := c.Must("exec", "up", "sh", "-c", "stty size </proc/1/fd/0"); size != "11 33" {
		t.Errorf("the terminal has %s", size)
	}
}
