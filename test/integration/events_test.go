//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"
)

// message is an event as clients read it.
type message struct {
	Type, Action string
	Actor        struct {
		ID         string
		Attributes map[string]string
	}
	Status, ID, From string
	TimeNano         int64
}

// asked is a daemon that is asked for events.
type asked interface {
	Ask(t testing.TB, method, path, body string) harness.Answer
}

// eventsSince are those that a daemon has told since a time.
func eventsSince(t *testing.T, d asked, since time.Time, filters string) []message {
	t.Helper()
	now := time.Now()
	q := url.Values{"since": {fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())}, "until": {fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond())}}
	if filters != "" {
		q.Set("filters", filters)
	}
	a := d.Ask(t, "GET", "/v1.41/events?"+q.Encode(), "")
	if a.Status != 200 {
		t.Fatal(a)
	}
	var list []message
	for line := range strings.Lines(a.Body) {
		var m message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		list = append(list, m)
	}
	return list
}

// toldOf is events as two engines can be compared by: IDs are only marked, and what
// the older one does not tell is left out.
func toldOf(list []message) string {
	hex := regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)
	mark := func(s string) string { return hex.ReplaceAllString(s, "${1}ID") }
	var b strings.Builder
	for _, m := range list {
		id := mark(m.Actor.ID)
		if m.Type == "network" {
			id = m.Actor.Attributes["name"]
		}
		fmt.Fprintf(&b, "%s %s %s", m.Type, m.Action, id)
		for _, k := range slices.Sorted(maps.Keys(m.Actor.Attributes)) {
			if k != "execDuration" {
				fmt.Fprintf(&b, " %s=%s", k, mark(m.Actor.Attributes[k]))
			}
		}
		fmt.Fprintf(&b, " (%s %s %s)\n", m.Status, mark(m.ID), m.From)
	}
	return b.String()
}

func sorted(lines string) string {
	list := strings.SplitAfter(lines, "\n")
	slices.Sort(list)
	return strings.Join(list, "")
}

func TestEveryCommandIsToldOfAsDockerTellsOfIt(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t)
	busybox := d.Busybox()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	tar := filepath.Join(dir, "root.tar")
	if err := os.WriteFile(tar, harness.Tar(t, harness.File{Name: "f", Body: []byte("x")}), 0o644); err != nil {
		t.Fatal(err)
	}
	patient := "trap 'exit 0' TERM; trap : USR1; echo ready; while :; do sleep 0.05; done"
	up := []string{"run", "-d", "--name", "up", "-l", "tier=front", busybox, "sh", "-c", patient}
	for _, s := range []struct {
		name      string
		commands  [][]string
		unordered bool
	}{
		{"run and rm", [][]string{{"run", "--name", "aa", busybox, "sh", "-c", "exit 3"}, {"rm", "aa"}}, false},
		{"run --rm", [][]string{{"run", "--rm", "--name", "bb", "-l", "x=y", busybox, "true"}}, false},
		{"stop and start", [][]string{up, {"ready", "up"}, {"stop", "up"}, {"start", "up"}, {"rm", "-f", "up"}}, false},
		{"restart", [][]string{up, {"ready", "up"}, {"restart", "up"}, {"rm", "-f", "up"}}, false},
		{"stop by force", [][]string{{"run", "-d", "--name", "deaf", busybox, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"}, {"ready", "deaf"}, {"stop", "-t", "1", "deaf"}, {"rm", "deaf"}}, false},
		{"kill", [][]string{up, {"ready", "up"}, {"kill", "-s", "USR1", "up"}, {"kill", "up"}, {"rm", "up"}}, false},
		{"pause", [][]string{up, {"pause", "up"}, {"unpause", "up"}, {"rm", "-f", "up"}}, false},
		{"exec", [][]string{up, {"exec", "up", "sh", "-c", "exit 4"}, {"exec", "up", "nothing"}, {"rm", "-f", "up"}}, false},
		{"rename, update and top", [][]string{up, {"rename", "up", "other"}, {"update", "--cpu-shares", "512", "other"}, {"top", "other"}, {"rm", "-f", "other"}}, false},
		{"cp and export", [][]string{up, {"cp", "up:/etc/passwd", filepath.Join(dir, "out")}, {"cp", file, "up:/"}, {"export", "-o", filepath.Join(dir, "export"), "up"}, {"rm", "-f", "up"}}, false},
		// Ours lets the container run on before it packs its files.
		{"commit", [][]string{up, {"commit", "-m", "hello", "up", "made"}, {"rm", "-f", "up"}, {"rmi", "made"}}, true},
		// Docker takes volumes in the order of a map: in no order.
		{"volumes", [][]string{{"run", "--rm", "--name", "vv", "-v", "vol:/data", "-v", "/anonymous", "-v", "other:/ro:ro", busybox, "true"}}, true},
		{"a program that is not there", [][]string{{"run", "--name", "bad", busybox, "nothing"}, {"rm", "bad"}}, false},
		{"the same with --rm", [][]string{{"run", "--rm", "--name", "bad", busybox, "nothing"}}, false},
		{"prune", [][]string{{"create", "--name", "old", busybox, "true"}, {"container", "prune", "-f"}}, false},
		{"names of images", [][]string{{"tag", busybox, "other:v1"}, {"rmi", "other:v1"}}, false},
		{"a policy", [][]string{{"run", "-d", "--name", "again", "--restart", "on-failure:1", busybox, "false"}, {"wait", "again"}}, false},
	} {
		var lists []func() []message
		for _, e := range []struct {
			asked
			client harness.Client
		}{{docker, docker.Client(t)}, {d, d.Client(t, "docker")}} {
			since := time.Now()
			for _, c := range s.commands {
				if c[0] == "ready" { // to be asked to end
					harness.Eventually(t, c[1]+" is ready", func() error {
						if out := e.client.Run("logs", c[1]); !strings.Contains(out.Stdout, "ready") {
							return fmt.Errorf("%+v", out)
						}
						return nil
					})
					continue
				}
				e.client.Run(c...) // some are to fail; what they say is compared elsewhere
			}
			lists = append(lists, func() []message { return eventsSince(t, e.asked, since, "") })
		}
		// The last ones come after the answer.
		var theirs, ours string
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if theirs, ours = toldOf(lists[0]()), toldOf(lists[1]()); theirs == ours || s.unordered && sorted(theirs) == sorted(ours) {
				break
			}
		}
		if s.unordered {
			theirs, ours = sorted(theirs), sorted(ours)
		}
		if theirs != ours {
			t.Errorf("%s: Docker tells\n%s\nand berth\n%s", s.name, theirs, ours)
		}
	}
}

func TestEventsOutliveAKilledDaemonAndTellOnceOfAnEndInBetween(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "docker")
	began := time.Now()
	id := strings.TrimSpace(c.Must("run", "-d", "--name", "one", d.Busybox(), "sleep", "1000"))
	pid, err := strconv.Atoi(strings.TrimSpace(c.Must("inspect", "-f", "{{.State.Pid}}", "one")))
	if err != nil {
		t.Fatal(err)
	}
	d.Kill9()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d.StartAgain()
		var actions []string
		for _, m := range eventsSince(t, d, began, `{"container":["one"]}`) {
			if m.Actor.ID == id {
				actions = append(actions, strings.TrimSpace(m.Action+" "+m.Actor.Attributes["exitCode"]))
			}
		}
		if got := strings.Join(actions, ", "); got != "create, start, die 137" {
			t.Error(got)
		}
		d.Kill9()
	}
	d.StartAgain()
	if got := c.Run("rm", "one"); got.Code != 0 {
		t.Error(got)
	}
}

func TestBothClientsShowTheSameEvents(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	docker, berth := d.Client(t, "docker"), d.Client(t, "berth")
	docker.Must("run", "--rm", "-l", "a=b", "--name", "one", d.Busybox(), "true")
	until := strconv.FormatInt(time.Now().Unix()+1, 10)
	for _, more := range [][]string{nil, {"--format", "{{json .Actor}}"}, {"--format", "{{.Type}} {{.Action}} {{.Actor.ID}}"}, {"--filter", "type=container", "--filter", "label=a=b"}, {"-f", "event=die"}} {
		args := append([]string{"events", "--since", "1", "--until", until}, more...)
		if theirs, ours := docker.Must(args...), berth.Must(args...); theirs != ours || theirs == "" {
			t.Errorf("%v: docker shows\n%s\nand berth\n%s", more, theirs, ours)
		}
	}
}

func TestAnExplanationNamesTheClientThatAskedAndTheLastWords(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	docker, berth := d.Client(t, "docker"), d.Client(t, "berth")
	docker.Must("run", "-d", "--name", "one", d.Busybox(), "sh", "-c", "echo last words >&2; trap '' TERM; while :; do sleep 0.05; done")
	harness.Eventually(t, "the container has spoken", func() error {
		if out := docker.Run("logs", "one"); !strings.Contains(out.Stderr, "last words") {
			return fmt.Errorf("%+v", out)
		}
		return nil
	})
	docker.Must("stop", "-t", "0", "one")
	got := berth.Must("explain", "one")
	for _, want := range []string{"one ended ", "exit code 137: it was killed by SIGKILL", "docker (pid ", "asked for the stop", "It had not ended", "stderr: last words"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
