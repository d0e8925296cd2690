//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"berth/test/harness"
)

// verbStep is one request, sent to both engines. Where Debian's dockerd is older than
// the words and codes that berth has, newer is what later ones answer.
type verbStep struct {
	method, path, body string
	newer              string
}

// verb is a request about a container; what may follow are the newer status and words.
func stepOf(path string, newer ...string) verbStep {
	return verbStep{method: "POST", path: "/containers/" + path, newer: strings.Join(newer, " ")}
}

func look(name string) verbStep { return verbStep{method: "STATE", path: name} }

func rm(path string, newer ...string) verbStep {
	return verbStep{method: "DELETE", path: "/containers/" + path, newer: strings.Join(newer, " ")}
}

// pruned is a request with filters.
func pruned(filters string, newer ...string) verbStep {
	return stepOf("prune?filters="+strings.NewReplacer(`{`, "%7B", `}`, "%7D", `"`, "%22", `!`, "%21", `[`, "%5B", `]`, "%5D", ` `, "%20").Replace(filters), newer...)
}

// verbSteps go through every verb on every state. up ends with 9 on SIGTERM, deaf with nothing.
func verbSteps() []verbStep {
	const notNumber = `400 {"message":"invalid value \"x\" for t: it must be a whole number"}`
	steps := []verbStep{}
	for _, word := range []string{"start", "stop", "kill", "pause", "unpause", "restart", "rename?name=other", "wait", "resize?h=1&w=1"} {
		steps = append(steps, stepOf("nobody/"+word))
	}
	steps = append(steps, stepOf("new/stop"), stepOf("new/kill"), stepOf("new/pause"), stepOf("new/unpause"), stepOf("ended/stop"), stepOf("ended/kill"), stepOf("ended/pause"),
		stepOf("ended/unpause"), stepOf("up/start"), stepOf("up/unpause"),
		// Paused.
		stepOf("up/pause"), look("up"), stepOf("up/pause"), stepOf("up/start"), verbStep{method: "POST", path: "/containers/up/exec", body: `{"Cmd":["true"]}`},
		rm("up", "409", `{"message":"cannot remove container \"/up\": container is paused and must be unpaused first"}`),
		stepOf("up/rename?name=renamed"), look("renamed"), stepOf("renamed/rename?name=up"), stepOf("up/unpause"), look("up"),
		stepOf("up/pause"), stepOf("up/stop?t=30"), look("up"), stepOf("up/start"), stepOf("up/pause"), stepOf("up/kill"), look("up"), stepOf("up/start"),
		stepOf("up/pause"), stepOf("up/restart?t=30"), look("up"), stepOf("deaf/pause"), stepOf("deaf/stop?t=0"), look("deaf"), stepOf("deaf/start"),
		stepOf("signalled/pause"), stepOf("signalled/kill?signal=USR2"), look("signalled"), stepOf("signalled/unpause"),
		// Restarted.
		stepOf("new/restart"), look("new"), stepOf("ended/restart"), stepOf("deaf/restart?t=0"), look("deaf"), stepOf("deaf/restart?t=x", notNumber), stepOf("deaf/stop?t=x", notNumber),
		stepOf("auto/restart?t=0"), look("auto"), stepOf("missing/restart", `500 {"message":"Cannot restart container missing: failed to create task for container: failed to create shim task: `+
			`OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"no-such-program\": executable file not found in $PATH"}`),
		// Renamed.
		stepOf("new/rename?name="), stepOf("new/rename"), stepOf("new/rename?name=up"), stepOf("new/rename?name=new"), stepOf("new/rename?name=/new"), stepOf("new/rename?name=a"),
		stepOf("new/rename?name=a%20b"), stepOf("new/rename?name=/fresh"), look("fresh"), look("new"),
		// Killed.
		stepOf("deaf/kill?signal=FOO", `400 {"message":"cannot kill container: deaf: invalid signal: FOO"}`), stepOf("deaf/kill?signal=0", `400 {"message":"cannot kill container: deaf: invalid signal: 0"}`),
		stepOf("deaf/kill?signal=15x", `400 {"message":"cannot kill container: deaf: invalid signal: 15x"}`),
		stepOf("deaf/kill?signal=99", `400 {"message":"cannot kill container: deaf: the linux daemon does not support signal 99"}`), stepOf("deaf/kill?signal=winch"), stepOf("deaf/kill?signal=SIGUSR1"),
		// Removed.
		rm("nobody"), rm("nobody?force=1"), rm("nobody?link=1"), rm("a/b?link=1"), rm("deaf?link=1"), rm("ended?link=1&v=1"),
		rm("deaf", "409", `{"message":"cannot remove container \"/deaf\": container is running: stop the container before removing or force remove"}`),
		rm("deaf?force=1"), look("deaf"), rm("deaf"),
		// Pruned.
		pruned(`{"foo":["x"]}`), pruned(`{"until":["x"]}`, "400", `{"message":"failed to parse value as time or duration: \"x\""}`),
		pruned(`{"until":[""]}`, "400", `{"message":"failed to parse value as time or duration: \"\""}`), pruned(`{"until":["1h","2h"]}`, "400", `{"message":"more than one until filter specified"}`),
		pruned(`{bad`, "400", `{"message":"invalid filter"}`), pruned(`{"label":["a=b"],"until":["1h"]}`), pruned(`{"until":["0"]}`), pruned(`{"until":["1000000h"]}`),
		pruned(`{"label":["a=b"]}`), pruned(`{"label!":["a"]}`), pruned(`{"label":{"a":true}}`), pruned(`{}`), pruned(`{"until":["-1h"]}`), look("up"))
	return steps
}

// TestVerbsOnEveryStateAreAnsweredAsDebiansDockerAnswersThem compares status and words, but for an initial in upper case.
func TestVerbsOnEveryStateAreAnsweredAsDebiansDockerAnswersThem(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	ids := map[string]string{}
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		note := func(name, id string) { ids[id] = "<" + name + ">" }
		run := func(name string, args ...string) {
			note(name, c.Must(append([]string{"run", "-d", "--network", "none", "--name", name}, args...)...))
		}
		create := func(name string, args ...string) {
			note(name, c.Must(append([]string{"create", "--network", "none", "--name", name}, args...)...))
		}
		run("up", append([]string{busybox}, trapped...)...)
		run("deaf", busybox, "sleep", "1000")
		run("signalled", "--stop-signal", "TERM", busybox, "sleep", "1000")
		run("auto", "--rm", busybox, "sleep", "1000")
		run("ended", busybox, "true")
		create("new", busybox, "sleep", "1000")
		create("missing", busybox, "no-such-program")
		create("ab", "--label", "a=b", busybox, "true")
		create("ac", "--label", "a=c", busybox, "true")
		c.Must("wait", "ended")
		harness.Eventually(t, "the trap is set", func() error {
			if got := c.Must("logs", "up"); got != "up" {
				return fmt.Errorf("its log is %q", got)
			}
			return nil
		})
	}
	anonymous := func(text string) string {
		for id, name := range ids {
			text = strings.ReplaceAll(text, id, name)
		}
		return text
	}
	for _, s := range verbSteps() {
		theirs, ours := s.ask(t, docker.Place), s.ask(t, d.Place)
		want := anonymous(theirs)
		if s.newer != "" {
			want = s.newer
		}
		if got := anonymous(ours); !strings.EqualFold(got, want) {
			t.Errorf("%s %s: Docker answers %s, berth %s", s.method, s.path, want, got)
		}
	}
}

// ask is an engine's answer to a step: status and body, or what a container's state is.
func (s verbStep) ask(t *testing.T, at harness.Place) string {
	t.Helper()
	if s.method != "STATE" {
		a := at.Ask(t, s.method, "/v1.41"+s.path, s.body)
		return strings.TrimSpace(fmt.Sprint(a.Status, " ", a.Body))
	}
	a := at.Ask(t, "GET", "/v1.41/containers/"+s.path+"/json", "")
	var c struct {
		Name  string
		State struct {
			Status                            string
			Running, Paused, Restarting, Dead bool
			ExitCode                          int
		}
		RestartCount int
	}
	if a.Status != 200 {
		return a.Body
	}
	if err := json.Unmarshal([]byte(a.Body), &c); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v", c)
}
