//go:build linux

package crash

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// scenes are what clients want of a daemon, each with containers of its own. Together they lead to every
// failpoint; what they leave running is there when the daemon is killed and ended.
func scenes() []func(*worker) {
	return []func(*worker){renames, pauses, ends, fails, restarts, heals, goes, copies, commits, snapshots, publishes, publishes, attaches}
}

func post(path, to string) verb { return verb{"POST", path, to, ""} }

func renames(w *worker) {
	b := w.create("before", sleeper)
	w.does(b, post("/rename?name=between", created), func() { b.name = "between" })
	w.does(b, post("/start", running), nil)
	w.does(b, post("/rename?name=after", running), func() { b.name = "after" })
	w.does(b, verb{"POST", "/update", running, `{"PidsLimit":99}`}, func() { b.pids = 99 })
	w.does(b, post("/stop?t=0", exited), nil)
	w.does(b, verb{"DELETE", "?v=1", removed, ""}, nil)
}

func pauses(w *worker) {
	b := w.create("", sleeper)
	w.does(b, post("/start", running), nil)
	w.exec(b, "true")
	w.does(b, post("/pause", paused), nil)
	w.does(b, post("/unpause", running), nil)
	w.does(b, post("/restart?t=0", running), nil)
	w.does(b, post("/pause", paused), nil)
	w.does(b, post("/kill", exited), nil)
	w.awaits(b)
}

// ends runs what ends by itself; until that is seen, it may run or have ended.
func ends(w *worker) {
	b := w.create("", ender)
	for range 2 {
		if b != nil {
			b.wild = true
		}
		w.does(b, post("/start", running), nil)
		w.awaits(b)
		if b != nil && b.code != nil {
			b.wild = *b.code != 7
		}
	}
}

// fails starts what cannot be started.
func fails(w *worker) {
	b := w.create("", `{"Image":"berth/hello","Entrypoint":["/nothing"]}`)
	if b == nil {
		return
	}
	if status, answer := w.request("POST", "/containers/"+b.id+"/start", ""); status != 0 && status != http.StatusBadRequest {
		w.strange = append(w.strange, fmt.Sprintf("the start of a program that is not there: %d %s", status, answer))
	}
	b.wild = true
}

// restarts runs what its policy starts again and again.
func restarts(w *worker) {
	b := w.create("", `{"Image":"berth/hello","Cmd":["exit","3"],"HostConfig":{"RestartPolicy":{"Name":"always"}}}`)
	if b == nil {
		return
	}
	b.wild = true
	w.does(b, post("/start", running), nil)
	w.until(b, `"RestartCount":2`)
	w.does(b, post("/stop", exited), nil)
	w.does(b, post("/start", running), nil)
	forever := w.create("", strings.Replace(sleeper, `"Cmd"`, `"HostConfig":{"RestartPolicy":{"Name":"always"}},"Cmd"`, 1))
	w.does(forever, post("/start", running), nil)
	w.does(forever, post("/stop?t=0", exited), nil)
	w.does(forever, post("/start", running), nil)
	if forever != nil {
		forever.wild = forever.state == running
	}
}

// heals runs what is restarted because it is not well.
func heals(w *worker) {
	b := w.create("", `{"Image":"berth/hello","Cmd":["sleep","infinity"],"Healthcheck":{"Test":["CMD","/hello","false"],"Interval":20000000,"Retries":1,"OnFailure":"restart"}}`)
	if b == nil {
		return
	}
	b.wild = true
	w.does(b, post("/start", running), nil)
	w.until(b, `"RestartCount":1`)
}

// goes runs what is removed when it has ended.
func goes(w *worker) {
	for _, v := range []verb{post("/kill", exited), post("/stop?t=0", exited), {"DELETE", "?force=1&v=1", removed, ""}} {
		b := w.create("", strings.Replace(sleeper, `"Cmd"`, `"HostConfig":{"AutoRemove":true},"Cmd"`, 1))
		if b == nil {
			return
		}
		b.wild = true
		w.does(b, post("/start", running), nil)
		w.does(b, v, nil)
	}
}

// copies takes files into a container.
func copies(w *worker) {
	var packed bytes.Buffer
	to := tar.NewWriter(&packed)
	if err := to.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: 4}); err != nil {
		panic(err)
	}
	if _, err := to.Write([]byte("text")); err != nil {
		panic(err)
	}
	to.Close()
	b := w.create("", sleeper)
	w.does(b, verb{"PUT", "/archive?path=/", created, packed.String()}, nil)
	w.does(b, post("/start", running), nil)
	w.does(b, verb{"PUT", "/archive?path=/data", running, packed.String()}, nil)
}

// commits makes an image of a container that runs, and one of one that does not.
func commits(w *worker) {
	b := w.create("", sleeper)
	for range 2 {
		if b != nil {
			w.request("POST", "/commit?container="+b.id+"&repo=of-a-container", "{}")
		}
		w.does(b, post("/start", running), nil)
	}
}

// publishes runs what can be reached by a port of the host.
func publishes(w *worker) {
	b := w.create("", `{"Image":"berth/hello","Cmd":["serve",":80"],"ExposedPorts":{"80/tcp":{}},"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1"}]}}}`)
	w.does(b, post("/start", running), nil)
}

// until waits until an inspect of a container holds a text.
func (w *worker) until(b *belief, text string) {
	for b != nil && !w.gone {
		if _, answer := w.request("GET", "/containers/"+b.id+"/json", ""); bytes.Contains(answer, []byte(text)) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
