package cli

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
)

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// engineFor scripts a container that prints, ends with a code, and is removed.
func engineFor(t *testing.T, code int, media string, chat func(net.Conn, io.Reader)) *fake {
	f := newFake(t)
	end, started := make(chan struct{}), make(chan struct{})
	f.on("POST /containers/create", f.keep("create", answer(http.StatusCreated, container.CreateResponse{ID: id})))
	f.on("POST /containers/"+id+"/attach", stream(media, func(c net.Conn, in io.Reader) {
		<-started
		chat(c, in)
		close(end)
	}))
	f.on("POST /containers/"+id+"/wait", lateWait(code, end))
	f.on("POST /containers/"+id+"/start", func(w http.ResponseWriter, r *http.Request) {
		close(started)
		noContent(w, r)
	})
	return f
}

const (
	framed = "application/vnd.docker.multiplexed-stream"
	raw    = "application/vnd.docker.raw-stream"
)

func TestRunSeparatesTheStreamsAndEndsWithTheContainersCode(t *testing.T) {
	f := engineFor(t, 7, framed, func(c net.Conn, _ io.Reader) {
		_, _ = c.Write(append(frame(1, "to out\n"), frame(2, "to err\n")...))
	})
	f.run("", "run", "--rm", "busybox", "sh", "-c", "exit 7").want(t, 7, "to out\n", "to err\n")
}

func TestRunMakesNoMoreThanFourRequests(t *testing.T) {
	f := engineFor(t, 0, framed, func(net.Conn, io.Reader) {})
	f.run("", "run", "--rm", "busybox", "true").want(t, 0, "", "")
	calls := f.seen()
	slices.Sort(calls)
	want := []string{
		"POST /containers/" + id + "/attach", "POST /containers/" + id + "/start",
		"POST /containers/" + id + "/wait", "POST /containers/create",
	}
	if !reflect.DeepEqual(calls, want) {
		t.Errorf("calls %q", calls)
	}
}

func TestADetachedRunCreatesStartsAndPrintsTheID(t *testing.T) {
	f := engineFor(t, 0, framed, func(net.Conn, io.Reader) {})
	f.run("", "run", "-d", "busybox").want(t, 0, id+"\n", "")
	if calls := f.seen(); len(calls) != 2 {
		t.Errorf("calls %q", calls)
	}
}

func TestInputReachesTheContainerUntilItsEnd(t *testing.T) {
	f := engineFor(t, 0, framed, func(c net.Conn, in io.Reader) {
		b, _ := io.ReadAll(in)
		_, _ = c.Write(frame(1, strings.ToUpper(string(b))))
	})
	f.run("some words", "run", "-i", "--rm", "busybox", "cat").want(t, 0, "SOME WORDS", "")
}

func TestATerminalsOutputIsNotFramed(t *testing.T) {
	f := engineFor(t, 0, raw, func(c net.Conn, _ io.Reader) { _, _ = c.Write([]byte("raw\r\n")) })
	f.run("", "run", "-t", "--rm", "busybox").want(t, 0, "raw\r\n", "")
}

func TestDetachKeysLeaveTheContainerRunning(t *testing.T) {
	f := engineFor(t, 9, framed, func(c net.Conn, in io.Reader) { _, _ = io.Copy(io.Discard, in) })
	s := f.run("", "run", "--detach-keys", "ctrl-?", "busybox")
	s.want(t, 1, "", "invalid detach keys (ctrl-?): Unknown character: 'ctrl-?'\n")
	if len(f.seen()) != 0 {
		t.Errorf("a container was made: %q", f.seen())
	}
}

func TestATerminalForAPipeIsRefusedBeforeCreate(t *testing.T) {
	f := newFake(t)
	f.run("", "run", "-it", "busybox").want(t, 1, "", "the input device is not a TTY\n")
	if len(f.seen()) != 0 {
		t.Errorf("calls %q", f.seen())
	}
}

func TestAFailedStartHasDockersCodeAndWording(t *testing.T) {
	for _, c := range []struct {
		message string
		code    int
	}{
		{`exec: "nope": executable file not found in $PATH: unknown`, 127},
		{`exec: "/nope": stat /nope: no such file or directory`, 127},
		{`exec: "/etc": permission denied`, 126},
		{`exec: "/etc": is a directory`, 126},
		{`driver failed programming external connectivity`, 125},
	} {
		for _, args := range [][]string{{"run", "--rm", "busybox"}, {"run", "busybox"}} {
			end := make(chan struct{})
			f := engineFor(t, 0, framed, func(net.Conn, io.Reader) {})
			f.on("POST /containers/"+id+"/attach", stream(framed, func(c net.Conn, in io.Reader) { <-end }))
			f.on("POST /containers/"+id+"/wait", lateWait(127, end))
			f.on("POST /containers/"+id+"/start", func(w http.ResponseWriter, r *http.Request) {
				refusal(http.StatusBadRequest, c.message)(w, r)
				close(end)
			})
			f.run("", args...).want(t, c.code, "",
				"berth: Error response from daemon: "+c.message+"\n\nRun 'berth run --help' for more information\n")
		}
	}
}

func TestAMissingImageIsPulledAndTheDaemonsRefusalIsShown(t *testing.T) {
	f := newFake(t)
	f.on("POST /containers/create", refusal(http.StatusNotFound, "No such image: busybox:latest"))
	f.on("POST /images/create", func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("fromImage") != "docker.io/library/busybox" || q.Get("tag") != "latest" {
			t.Errorf("query %v", q)
		}
		refusal(http.StatusNotImplemented, "pulling images is not supported yet")(w, r)
	})
	const refused = "berth: Error response from daemon: pulling images is not supported yet\n\nRun 'berth run --help' for more information\n"
	f.run("", "run", "busybox").want(t, 125, "", "Unable to find image 'busybox:latest' locally\n"+refused)
	f.run("", "run", "--pull", "always", "busybox").want(t, 125, "", refused)
	f.run("", "run", "--pull", "never", "busybox").want(t, 125, "",
		"berth: Error response from daemon: No such image: busybox:latest\n\nRun 'berth run --help' for more information\n")
}

func TestTheIDFileHoldsTheIDAndGoesWithAFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cid")
	f := engineFor(t, 0, framed, func(net.Conn, io.Reader) {})
	f.run("", "run", "-d", "--cidfile", path, "busybox").want(t, 0, id+"\n", "")
	if b, _ := os.ReadFile(path); string(b) != id {
		t.Errorf("file holds %q", b)
	}
	f.run("", "create", "--cidfile", path, "busybox").want(t, 1, "",
		"container ID file found, make sure the other container isn't running or delete "+path+"\n")
	_ = os.Remove(path)
	f.on("POST /containers/create", refusal(http.StatusConflict, "no"))
	f.run("", "create", "--cidfile", path, "busybox").want(t, 1, "", "Error response from daemon: no\n")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file stayed: %v", err)
	}
}

func TestTheCreateRequestCarriesEveryFlag(t *testing.T) {
	dir := t.TempDir()
	envFile := filepath.Join(dir, "env")
	if err := os.WriteFile(envFile, []byte("# c\nFROM=file\n  SPACED=a b \nUNSETNAME\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := engineFor(t, 0, framed, func(net.Conn, io.Reader) {})
	r := f.run("", "create", "--name", "n", "-i", "-t", "--env-file", envFile, "-e", "A=b", "-w", "/w", "-u", "1:2",
		"-v", "/h:/c:ro", "-v", "/anon", "-v", "named:/n", "--mount", "type=tmpfs,target=/m,tmpfs-size=1m", "-p", "8080:80",
		"--expose", "90-91/udp", "--network", "host", "--entrypoint", "/e", "-h", "host", "--domainname", "d",
		"-m", "64m", "--memory-swap", "-1", "--memory-reservation", "32m", "--cpus", "1.5", "-c", "512",
		"--cpuset-cpus", "0", "--pids-limit", "10", "--cap-add", "A", "--cap-drop", "B", "--read-only", "--tmpfs", "/t:size=1k",
		"--shm-size", "1g", "--ulimit", "nofile=1:2", "--sysctl", "net.a=1", "--security-opt", "no-new-privileges",
		"--device", "/dev/null:/dev/x:r", "--add-host", "a=[::1]", "--dns", "1.1.1.1", "--dns-search", "x.y", "--dns-option", "o",
		"--group-add", "g", "--ipc", "host", "--pid", "host", "--uts", "host", "--cgroup-parent", "/p", "--oom-score-adj", "5",
		"-l", "k=v", "--stop-signal", "INT", "--stop-timeout", "3", "--rm", "--init=false", "--restart", "no",
		"--health-http", "http://localhost:8080/up", "--health-on-failure", "restart", "--health-retries", "3", "--health-start-interval", "1s",
		"--log-driver", "none", "--annotation", "a=b", "--volumes-from", "v", "--userns", "host", "--umask", "027", "--oom-kill-disable",
		"--memory-swappiness", "0", "--blkio-weight", "10", "--device-read-bps", "/dev/x:1m", "--device-cgroup-rule", "c 1:* r", "busybox", "x", "-y")
	r.want(t, 0, id+"\n", "")
	want, err := os.ReadFile("testdata/create.json")
	if err != nil {
		t.Fatal(err)
	}
	var got, expected any
	if err := json.Unmarshal([]byte(f.body("create")), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(want, &expected)
	if !reflect.DeepEqual(got, expected) {
		pretty, _ := json.MarshalIndent(got, "", "  ")
		t.Errorf("request is\n%s", pretty)
	}
}
