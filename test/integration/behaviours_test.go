//go:build linux

package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"berth/test/harness"
)

// known is what the behaviours are tried with.
type known struct {
	*testing.T
	c       harness.Client
	d       *harness.Daemon
	busybox string
}

// tells wants a command to fail with a code and to say a text.
func (k known) tells(code int, text string, args ...string) {
	k.Helper()
	r := k.c.Run(args...)
	if r.Code != code || !strings.Contains(r.Stderr, text) {
		k.Errorf("docker %s: exit %d, %q; want %d and %q", strings.Join(args, " "), r.Code, r.Stderr, code, text)
	}
}

// is wants a field of a container, by a template, to be a value.
func (k known) is(container, template, want string) {
	k.Helper()
	if got := k.c.Must("inspect", "-f", template, container); got != want {
		k.Errorf("%s of %s is %q, want %q", template, container, got, want)
	}
}

// says runs a container and wants its output.
func (k known) says(want string, args ...string) {
	k.Helper()
	if got := k.c.Must(append([]string{"run", "--rm"}, args...)...); got != want {
		k.Errorf("docker run %s says %q, want %q", strings.Join(args, " "), got, want)
	}
}

// status is what the API answers to a request without a body.
func (k known) status(method, path string) int {
	k.Helper()
	req, err := http.NewRequest(method, "http://berth/v1.47"+path, nil)
	if err != nil {
		k.Fatal(err)
	}
	resp, err := k.d.HTTP().Do(req)
	if err != nil {
		k.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestWhatUsersOfDockerKnow tries behaviours that scripts rely on, each named by its sentence.
// Those that take more than a few lines have tests of their own.
func TestWhatUsersOfDockerKnow(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	for name, try := range map[string]func(k known){
		"a container is found by ID, then by name, then by the beginning of its ID": func(k known) {
			a := k.c.Must("create", "--name", "found", busybox)
			b := k.c.Must("create", "--name", a[:12], busybox) // another's short ID
			k.is("found", "{{.Id}}", a)
			k.is(a, "{{.Id}}", a)
			k.is(a[:12], "{{.Id}}", b) // the name wins over the beginning of an ID
			k.is(a[:13], "{{.Id}}", a)
			k.tells(1, "No such container: nobody", "start", "nobody")
			if s := k.status("GET", "/containers//json"); s == http.StatusOK {
				k.Errorf("no name is answered %d", s)
			}
			k.c.Must("rm", b, a)
		},
		"a name has at least two characters, and no strange ones": func(k known) {
			k.tells(1, "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", "create", "--name", "x", busybox)
			k.tells(1, "Invalid container name (a/b)", "create", "--name", "a/b", busybox)
			k.c.Must("create", "--name", "ok_1.-", busybox)
			k.is("ok_1.-", "{{.Name}}", "/ok_1.-")
			k.c.Must("rm", "ok_1.-")
		},
		"a name that was not given is an adjective and a surname": func(k known) {
			id := k.c.Must("create", busybox)
			if name := k.c.Must("inspect", "-f", "{{.Name}}", id); !regexp.MustCompile(`^/[a-z]+_[a-z]+[0-9]?$`).MatchString(name) {
				k.Errorf("the name is %q", name)
			}
			k.c.Must("rm", id)
		},
		"a name in use is refused with the ID of who has it, and renaming to the present name is refused": func(k known) {
			id := k.c.Must("create", "--name", "taken", busybox)
			k.tells(1, `Conflict. The container name "/taken" is already in use by container "`+id+`". You have to remove (or rename) that container to be able to reuse that name.`, "create", "--name", "taken", busybox)
			if s := k.status("POST", "/containers/taken/rename?name=taken"); s != http.StatusBadRequest {
				k.Errorf("renaming to the present name is answered %d", s)
			}
			k.c.Must("rm", "taken")
		},
		"the host name is the beginning of the ID, and with the host's network the host's": func(k known) {
			id := k.c.Must("create", busybox, "hostname")
			if got := k.c.Must("start", "-a", id); got != id[:12] {
				k.Errorf("the host name is %q", got)
			}
			k.c.Must("rm", id)
			host, err := os.Hostname()
			if err != nil {
				k.Fatal(err)
			}
			k.says(host, "--network", "host", busybox, "hostname")
		},
		"a program that is missing is 127, one that cannot be run 126, and the state says why": func(k known) {
			k.tells(127, "executable file not found in $PATH", "run", "--name", "missing", busybox, "nosuch")
			k.is("missing", "{{.State.ExitCode}} {{.State.Status}}", "127 created")
			k.tells(126, "permission denied", "run", "--name", "refused", busybox, "/etc/passwd")
			k.is("refused", "{{.State.ExitCode}} {{.State.Status}} {{ne .State.Error \"\"}}", "126 created true")
			k.c.Must("rm", "missing", "refused")
		},
		"the end of the client's input ends the container's": func(k known) {
			if r := k.c.In(strings.NewReader("in")).Run("run", "--rm", "-i", busybox, "cat"); r.Stdout != "in" || r.Code != 0 {
				k.Errorf("%+v", r)
			}
			k.says("0", busybox, "sh", "-c", "cat | wc -c") // without -i there is none
		},
		"a terminal needs one, and nothing is made without": func(k known) {
			k.tells(1, "not a TTY", "run", "-it", "--name", "tty", busybox, "true")
			k.tells(1, "No such container", "inspect", "--type", "container", "tty")
		},
		"--rm and a restart policy exclude each other": func(k known) {
			k.tells(125, "conflicting options", "run", "--rm", "--restart", "always", busybox, "true")
		},
		"--rm removes the container with its anonymous volumes, also after a failed start, and rm -v does": func(k known) {
			volumes := func() int { return len(list(k, "volumes")) }
			before := volumes()
			k.c.Must("run", "--rm", "--name", "brief", "-v", "/anon", busybox, "true")
			k.c.Run("run", "--rm", "--name", "brief", "-v", "/anon", busybox, "nosuch")
			k.tells(1, "No such", "inspect", "--type", "container", "brief")
			k.c.Must("run", "--name", "kept", "-v", "/anon", "-v", "named:/named", busybox, "true")
			k.c.Must("rm", "-v", "kept")
			if now := volumes(); now != before+1 { // "named"
				k.Errorf("%d volumes were left", now-before)
			}
		},
		"a running container is removed by force only": func(k known) {
			id := k.c.Must("run", "-d", busybox, "sleep", "1000")
			k.tells(1, "container is running: stop the container before removing or force remove", "rm", id)
			k.c.Must("rm", "-f", id)
		},
		"a cidfile may not be there, and goes when the create fails": func(k known) {
			file := filepath.Join(k.TempDir(), "cid")
			id := k.c.Must("create", "--cidfile", file, busybox)
			if b, err := os.ReadFile(file); err != nil || string(b) != id {
				k.Errorf("%q %v", b, err)
			}
			k.tells(125, "container ID file found", "run", "--cidfile", file, busybox, "true")
			other := filepath.Join(k.TempDir(), "cid")
			k.c.Run("create", "--cidfile", other, "--name", "x", busybox)
			if _, err := os.Stat(other); !os.IsNotExist(err) {
				k.Error("the file of a failed create is there")
			}
			k.c.Must("rm", id)
		},
		"the environment has a PATH, the host name, the user's home, and what was given": func(k known) {
			got := k.c.Must("run", "--rm", "--hostname", "box", "-e", "A=1", "-e", "PATH=/bin", busybox, "env")
			for _, want := range []string{"PATH=/bin", "HOSTNAME=box", "A=1", "HOME=/root"} {
				if !strings.Contains("\n"+got+"\n", "\n"+want+"\n") {
					k.Errorf("%s is missing in %q", want, got)
				}
			}
			if strings.Contains(got, "TERM=") {
				k.Errorf("there is no terminal: %q", got)
			}
			k.says("from the client|unset", "-e", "GIVEN", "-e", "NOT_GIVEN", busybox, "sh", "-c", "echo $GIVEN\\|${NOT_GIVEN-unset}")
		},
		"an entry point of the user's takes the image's command away": func(k known) {
			k.tells(125, "", "run", "--rm", "--entrypoint", "", "no-such-image-here")
			k.says("one two", "--entrypoint", "echo", busybox, "one", "two")
			k.says("", "--entrypoint", "true", busybox)
		},
		"a working directory is made when it is missing, and must be absolute": func(k known) {
			k.says("/made/here", "-w", "/made/here", busybox, "pwd")
			k.tells(125, "invalid", "run", "--rm", "-w", "not/absolute", busybox, "pwd")
		},
		"twice the memory is what memory and swap are limited to together": func(k known) {
			id := k.c.Must("create", "-m", "64m", busybox)
			k.is(id, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}", "67108864 134217728")
			k.c.Must("rm", id)
			k.tells(1, "Minimum memory limit allowed is 6MB", "create", "-m", "5m", busybox)
			k.tells(1, "You should always set the Memory limit when using Memoryswap limit", "create", "--memory-swap", "64m", busybox)
		},
		"--cpus is a quota of a period of 100 ms and excludes both": func(k known) {
			k.tells(1, "Conflicting options: Nano CPUs and CPU Period cannot both be set", "create", "--cpus", "1", "--cpu-period", "50000", busybox)
		},
		"an adjustment of the OOM score is between -1000 and 1000": func(k known) {
			k.tells(1, "oom", "create", "--oom-score-adj", "1001", busybox)
			k.says("500", "--oom-score-adj", "500", busybox, "cat", "/proc/self/oom_score_adj")
		},
		"a stop of what is stopped is not modified, and -t 0 kills at once": func(k known) {
			id := k.c.Must("run", "-d", busybox, "sh", "-c", "trap '' TERM; echo up; sleep 1000 & wait; wait")
			harness.Eventually(k, "it is up", func() error {
				if k.c.Must("logs", id) != "up" {
					return os.ErrNotExist
				}
				return nil
			})
			k.c.Must("stop", "-t", "0", id)
			k.is(id, "{{.State.ExitCode}} {{.State.Status}}", "137 exited")
			if s := k.status("POST", "/containers/"+id+"/stop"); s != http.StatusNotModified {
				k.Errorf("it is answered %d", s)
			}
			k.tells(1, "is not running", "kill", id)
			k.c.Must("rm", id)
		},
		"a paused container runs, and takes no exec, start or rm": func(k known) {
			id := k.c.Must("run", "-d", busybox, "sleep", "1000")
			k.c.Must("pause", id)
			k.is(id, "{{.State.Status}} {{.State.Running}} {{.State.Paused}}", "paused true true")
			k.tells(1, "is paused, unpause the container before exec", "exec", id, "true")
			k.tells(1, "cannot start a paused container, try unpause instead", "start", id)
			k.tells(1, "You cannot attach to a paused container, unpause it first", "attach", id)
			k.tells(1, "", "rm", id)
			k.c.Must("unpause", id)
			k.c.Must("rm", "-f", id)
		},
		"an exec has the container's environment, a user and a directory, and its exit code is told": func(k known) {
			id := k.c.Must("run", "-d", "-e", "A=1", busybox, "sleep", "1000")
			if got := k.c.Must("exec", "-e", "B=2", "-u", "1000:1000", "-w", "/tmp", id, "sh", "-c", "echo $A $B $(id -u):$(id -g) $(pwd)"); got != "1 2 1000:1000 /tmp" {
				k.Errorf("it says %q", got)
			}
			k.tells(7, "", "exec", id, "sh", "-c", "exit 7")
			k.tells(127, "", "exec", id, "nosuch")
			k.tells(126, "", "exec", id, "/etc/passwd")
			k.tells(0, "", "exec", "-d", id, "sh", "-c", "exit 7")
			k.tells(126, "unable to find user nobody-at-all", "exec", "-u", "nobody-at-all", id, "true")
			k.c.Must("rm", "-f", id)
			k.tells(1, "No such container", "exec", id, "true")
		},
		"a log has both streams, the lines asked for and times of nine digits": func(k known) {
			k.c.Must("run", "--name", "logged", busybox, "sh", "-c", "echo one; echo two; echo bad >&2")
			if r := k.c.Run("logs", "logged"); r.Stdout != "one\ntwo\n" || r.Stderr != "bad\n" {
				k.Errorf("%+v", r)
			}
			if r := k.c.Run("logs", "-t", "-n", "3", "logged"); !regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z one$`).MatchString(r.Stdout) {
				k.Errorf("%+v", r)
			}
			k.c.Must("rm", "logged")
			id := k.c.Must("create", busybox)
			k.tells(0, "", "logs", "-f", id) // it returns at once
			k.c.Must("rm", id)
		},
		"filters of one key are alternatives, of several keys all hold, and a wrong one is refused": func(k known) {
			k.c.Must("create", "--name", "fa", "-l", "k=1", busybox)
			k.c.Must("create", "--name", "fb", "-l", "k=2", busybox)
			show := func(args ...string) string {
				return strings.Join(strings.Fields(k.c.Must(append([]string{"ps", "-a", "--format", "{{.Names}}"}, args...)...)), " ")
			}
			for want, args := range map[string][]string{
				"fb fa": {"-f", "name=^fa$", "-f", "name=^fb$"}, "fa": {"-f", "name=^f[ab]$", "-f", "label=k=1"}, "": {"-f", "name=^f[ab]$", "-f", "status=running"},
			} {
				if got := show(args...); got != want {
					k.Errorf("ps %v shows %q, want %q", args, got, want)
				}
			}
			k.tells(1, "invalid filter", "ps", "-f", "nonsense=1")
			k.c.Must("rm", "fa", "fb")
		},
		"inspect shows those that are there, in a list, and fails for the others": func(k known) {
			k.c.Must("create", "--name", "there", busybox)
			r := k.c.Run("inspect", "there", "not-there")
			var list []struct{ Name string }
			if err := json.Unmarshal([]byte(r.Stdout), &list); err != nil || r.Code != 1 || len(list) != 1 || list[0].Name != "/there" || !strings.Contains(r.Stderr, "not-there") {
				k.Errorf("%+v %v", r, err)
			}
			if r := k.c.Run("inspect", "not-there"); strings.TrimSpace(r.Stdout) != "[]" || r.Code != 1 {
				k.Errorf("%+v", r)
			}
			k.c.Must("rm", "there")
		},
		"a command on many names goes on after a failure and ends with 1": func(k known) {
			k.c.Must("create", "--name", "m1", busybox)
			k.c.Must("create", "--name", "m2", busybox)
			if r := k.c.Run("rm", "m1", "nobody", "m2"); r.Stdout != "m1\nm2\n" || r.Code != 1 || !strings.Contains(r.Stderr, "No such container: nobody") {
				k.Errorf("%+v", r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			try(known{t, d.Client(t, "docker").Env("GIVEN=from the client"), d, busybox})
		})
	}
}

// list is what the daemon has of a kind that system df shows.
func list(k known, kind string) []any {
	k.Helper()
	resp, err := k.d.HTTP().Get("http://berth/v1.47/system/df")
	if err != nil {
		k.Fatal(err)
	}
	defer resp.Body.Close()
	var df map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&df); err != nil {
		k.Fatal(err)
	}
	for key, value := range df {
		if strings.EqualFold(key, kind) {
			all, _ := value.([]any)
			return all
		}
	}
	k.Fatalf("the daemon tells nothing of %s", kind)
	return nil
}
