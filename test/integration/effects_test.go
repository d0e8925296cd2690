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
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"

	"berth/internal/server/fields"
	"berth/test/harness"
)

// effect is what a field of a create does, as the container sees it.
type effect struct {
	field  string // as in package fields
	body   string // of the create, but for image and command
	script string // which prints what is seen; its errors too
	want   string
	v2     string // on a host with control groups of version 2 only, where that differs
	needs  string // a file that not all hosts have: where there is none, the field is refused
	lost   string // or discarded, with this warning
}

// functions are for the scripts: cg prints a file of the container's control group, by its
// names in the two versions; status prints a line of a process's.
const functions = `exec 2>&1
cg() { if [ -e /sys/fs/cgroup/cgroup.controllers ]; then cat /sys/fs/cgroup/$2; else cat /sys/fs/cgroup/$1; fi; }
status() { grep "^$1:" /proc/self/status | cut -f2; }
mounted() { grep " $1 " /proc/self/mountinfo | cut -d' ' -f6-7; }
`

// TestFieldsOfACreateHaveTheirEffectInside starts a container for every field and reads inside of it
// what has become of it.
func TestFieldsOfACreateHaveTheirEffectInside(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	haveEffect(t, d, allEffects())
}

// TestFieldsHaveTheSameEffectWithAnotherRuntime has berth's own command line make the containers, as any
// OCI runtime would: it gets no descriptors, and all has to be in the spec.
func TestFieldsHaveTheSameEffectWithAnotherRuntime(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--add-runtime", "oci="+harness.Binary(t, "berth-runtime"), "--default-runtime", "oci"))
	busybox := d.Busybox()
	haveEffect(t, d, slices.DeleteFunc(allEffects(), func(e effect) bool { return e.field == "HostConfig.Runtime" }))
	c := d.Client(t, "berth")
	donor := c.Must("run", "-d", "--name", "donor", "--ipc", "shareable", busybox, "sleep", "1000")
	c.Prints(c.Must("exec", donor, "readlink", "/proc/self/ns/pid"), "run", "--rm", "--pid", "container:donor", busybox, "readlink", "/proc/self/ns/pid")
	for _, flags := range [][]string{{"--ipc", "container:donor"}, {"--mount", "type=volume,source=some,target=/b,volume-subpath=a"}} {
		c.Must("run", "--rm", "-v", "some:/v", busybox, "mkdir", "-p", "/v/a")
		c.Fails(125, "needs berth's own runtime", append(append([]string{"run", "--rm"}, flags...), busybox, "true")...)
	}
	c.Must("rm", "-f", donor)
}

func haveEffect(t *testing.T, d *harness.Daemon, list []effect) {
	t.Helper()
	t.Cleanup(func() { // what CgroupParent names stays, as in Docker
		dirs, _ := filepath.Glob("/sys/fs/cgroup/*/berth-test-parent") // the pattern is right
		for _, dir := range append(dirs, "/sys/fs/cgroup/berth-test-parent") {
			os.Remove(dir) // which another test may be using
		}
	})
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	unified := err == nil
	for _, e := range list {
		t.Run(e.field, func(t *testing.T) {
			want := e.want
			if unified && e.v2 != "" {
				want = e.v2
			}
			if _, err := os.Stat(e.needs); e.needs != "" && err != nil {
				if e.lost != "" {
					if got := discarded(t, d, e.body); got != e.lost {
						t.Errorf("there is no %s, and the warning is %q", e.needs, got)
					}
				} else if refused(t, d, e.body) == "" {
					t.Errorf("there is no %s, and it is not refused", e.needs)
				}
				return
			}
			if got := inside(t, d, e.body, e.script); got != want {
				t.Errorf("with %s\n%s\nprinted %q\nand not %q", e.body, e.script, got, want)
			}
		})
	}
}

func allEffects() []effect {
	var all []effect
	for _, list := range [][]effect{limitEffects(), rightEffects(), namespaceEffects(), mountEffects(), configEffects(), networkEffects()} {
		all = append(all, list...)
	}
	return all
}

// TestTheListOfFieldsNamesTheirTests holds the list of fields and the tests together.
func TestTheListOfFieldsNamesTheirTests(t *testing.T) {
	t.Parallel()
	const name = "TestFieldsOfACreateHaveTheirEffectInside"
	tried := map[string]bool{}
	for _, e := range allEffects() {
		tried[strings.Split(e.field, ",")[0]] = true
	}
	for _, row := range fields.List() {
		if row.Test == name && !tried[row.Name] {
			t.Errorf("%s says that %s tries it, which does not", row.Name, name)
		}
		delete(tried, row.Name)
	}
	for field := range tried {
		t.Errorf("%s is tried and not in the list", field)
	}
}

// inside is what a script prints in a container that is made with a body.
func inside(t *testing.T, d *harness.Daemon, body, script string) string {
	t.Helper()
	id := create(t, d, body, functions+script)
	defer removed(t, d, id)
	started(t, d, id)
	return output(t, d, id)
}

// create makes a container with a body, whose command is a script unless the body has one.
func create(t *testing.T, d *harness.Daemon, body, script string) string {
	t.Helper()
	all := map[string]any{"Image": "busybox", "Cmd": []string{"sh", "-c", script}}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	status, answer := post(t, d, "/containers/create", all)
	var made struct{ ID string }
	if status != http.StatusCreated || json.Unmarshal(answer, &made) != nil {
		t.Fatalf("create with %s: %d %s", body, status, answer)
	}
	return made.ID
}

func started(t *testing.T, d *harness.Daemon, id string) {
	t.Helper()
	if status, answer := post(t, d, "/containers/"+id+"/start", nil); status != http.StatusNoContent {
		removed(t, d, id)
		t.Fatalf("start: %d %s", status, answer)
	}
}

func removed(t *testing.T, d *harness.Daemon, id string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://berth/containers/"+id+"?force=1&v=1", nil)
	must(t, err)
	resp, err := d.HTTP().Do(q)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("remove %s: %s", id, resp.Status)
	}
}

// output waits for a container's end and returns what it printed.
func output(t *testing.T, d *harness.Daemon, id string) string {
	t.Helper()
	if status, answer := post(t, d, "/containers/"+id+"/wait", nil); status != http.StatusOK {
		t.Fatalf("wait: %d %s", status, answer)
	}
	resp, err := d.HTTP().Get("http://berth/containers/" + id + "/logs?stdout=1&stderr=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if strings.Contains(resp.Header.Get("Content-Type"), "raw-stream") {
		_, err = io.Copy(&text, resp.Body)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, resp.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.ReplaceAll(text.String(), "\r\n", "\n"))
}

// post asks and returns the answer.
func post(t *testing.T, d *harness.Daemon, path string, body any) (status int, answer []byte) {
	t.Helper()
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := d.HTTP().Post("http://berth"+path, "application/json", &text)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// host says something of the host's configuration.
func host(format string, args ...any) string {
	return `{"HostConfig":{` + fmt.Sprintf(format, args...) + `}}`
}
