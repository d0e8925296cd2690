//go:build linux

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"berth/test/harness"
)

func killProcess(t *testing.T, pid int) {
	t.Helper()
	if pid == 0 {
		t.Fatal("there is no such process")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "the killed process goes", func() error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(b, []byte(") Z ")) {
			return nil
		}
		return fmt.Errorf("process %d is still there", pid)
	})
}

// belief is what a client may be sure of about one container: what the last
// answer said, unless a request without an answer has made it doubtful.
type belief struct {
	id      string
	state   string // "created", "running", "paused", "exited" or "removed"
	name    string // that it was given last; "" for one of the daemon's choice
	pids    int64  // the limit that it was given last; 0 for none
	doubted bool
}

// worker uses the API in a loop and keeps its beliefs.
type worker struct {
	d       *harness.Daemon
	random  *rand.Rand
	beliefs []*belief
	strange []string // answers that no killed daemon explains
}

// request returns the status, or 0 when no whole answer came.
func (w *worker) request(method, path, body string) (status int, answer []byte) {
	req, err := http.NewRequest(method, "http://berth/v1.47"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.d.HTTP().Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

// step does one thing; false means that the daemon is gone.
func (w *worker) step() bool {
	sure := slices.DeleteFunc(slices.Clone(w.beliefs), func(b *belief) bool { return b.doubted || b.state == "removed" })
	if len(sure) == 0 || len(sure) < 4 && w.random.IntN(3) == 0 {
		return w.create()
	}
	b := sure[w.random.IntN(len(sure))]
	type verb struct{ method, path, to, body string }
	pids := int64(20 + w.random.IntN(1000))
	update := verb{"POST", "/update", b.state, fmt.Sprintf(`{"PidsLimit":%d}`, pids)}
	name := fmt.Sprintf("name-%x", w.random.Uint64())
	rename := verb{"POST", "/rename?name=" + name, b.state, ""}
	verbs := map[string][]verb{
		"created": {{"POST", "/start", "running", ""}, {"POST", "/restart", "running", ""}, {"DELETE", "?force=1", "removed", ""}, rename, update},
		"running": {{"POST", "/stop?t=0", "exited", ""}, {"POST", "/kill", "exited", ""}, {"POST", "/pause", "paused", ""}, {"POST", "/restart?t=0", "running", ""}, {"DELETE", "?force=1", "removed", ""}, rename, update},
		"paused":  {{"POST", "/stop?t=0", "exited", ""}, {"POST", "/kill", "exited", ""}, {"POST", "/unpause", "running", ""}, {"POST", "/restart?t=0", "running", ""}, {"DELETE", "?force=1", "removed", ""}, rename, update},
		"exited":  {{"POST", "/start", "running", ""}, {"POST", "/restart", "running", ""}, {"DELETE", "", "removed", ""}, rename, update},
	}[b.state]
	v := verbs[w.random.IntN(len(verbs))]
	status, answer := w.request(v.method, "/containers/"+b.id+v.path, v.body)
	switch {
	case status == 0:
		b.doubted = true
		return false
	case status >= 500: // it is ending
		b.doubted = true
	case status >= 400:
		b.doubted = true
		w.strange = append(w.strange, fmt.Sprintf("%s %s of a container that is %s: %d %s", v.method, v.path, b.state, status, bytes.TrimSpace(answer)))
	case v.path == "/kill":
		// Answered before the end; a wait makes it sure.
		if status, _ := w.request("POST", "/containers/"+b.id+"/wait", ""); status != http.StatusOK {
			b.doubted = true
			return status != 0
		}
		b.state = v.to
	default:
		b.state = v.to
		switch v {
		case rename:
			b.name = name
		case update:
			b.pids = pids
		}
	}
	return true
}

func (w *worker) create() bool {
	status, answer := w.request("POST", "/containers/create", `{"Image":"berth/hello","Cmd":["sleep","infinity"]}`)
	var created struct{ ID string }
	switch {
	case status == 0:
		return false
	case status != http.StatusCreated:
		w.strange = append(w.strange, fmt.Sprintf("create: %d %s", status, answer))
	case json.Unmarshal(answer, &created) != nil || created.ID == "":
		w.strange = append(w.strange, fmt.Sprintf("create answers %s", answer))
	default:
		w.beliefs = append(w.beliefs, &belief{id: created.ID, state: "created"})
	}
	return true
}

// TestWhatWasAnsweredSurvivesAKillAtAnyMoment kills the daemon in the middle
// of everything, and holds the next one to what the killed one had answered.
func TestWhatWasAnsweredSurvivesAKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Client(t, "docker").Must("run", "--rm", "berth/hello", "true")
	const workers, rounds = 4, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	all := make([]*worker, workers)
	for i := range all {
		all[i] = &worker{d: d, random: rand.New(rand.NewPCG(seed, uint64(i+1)))}
	}
	for round := range rounds {
		limit := int64(10 + random.IntN(60))
		var steps atomic.Int64
		enough := make(chan struct{})
		var once sync.Once
		var running sync.WaitGroup
		for _, w := range all {
			running.Go(func() {
				for w.step() {
					if steps.Add(1) >= limit {
						once.Do(func() { close(enough) })
					}
				}
				once.Do(func() { close(enough) })
			})
		}
		<-enough
		d.Kill9()
		running.Wait()
		d.StartAgain()
		for _, w := range all {
			for _, s := range w.strange {
				t.Errorf("round %d: %s", round, s)
			}
			w.strange = nil
		}
		compare(t, d, all, fmt.Sprintf("round %d", round))
		if t.Failed() {
			return
		}
	}
}

// compare holds the new daemon to every belief, and looks for what no
// container that it shows explains. Doubts end with what it shows.
func compare(t *testing.T, d *harness.Daemon, all []*worker, round string) {
	t.Helper()
	harness.Eventually(t, round, func() error {
		status, answer := all[0].request("GET", "/containers/json?all=1", "")
		var list []struct {
			ID, State string
			Names     []string
		}
		if err := json.Unmarshal(answer, &list); err != nil || status != http.StatusOK {
			return fmt.Errorf("the list answers %d %s", status, answer)
		}
		shown, names := map[string]string{}, map[string]string{}
		for _, c := range list {
			shown[c.ID], names[c.ID] = c.State, strings.TrimPrefix(c.Names[0], "/")
		}
		for _, w := range all {
			for _, b := range w.beliefs {
				is, there := shown[b.id]
				if !there {
					is = "removed"
				}
				if !b.doubted && is != b.state {
					return fmt.Errorf("container %s was %s by the last answer, and is %s", b.id, b.state, is)
				}
				if pids := all[0].pidsLimit(b); !b.doubted && there && pids != b.pids {
					return fmt.Errorf("container %s had the limit %d by the last answer, and has %d", b.id, b.pids, pids)
				}
				if !b.doubted && there && b.name != "" && names[b.id] != b.name {
					return fmt.Errorf("container %s was %s by the last answer, and is %s", b.id, b.name, names[b.id])
				}
			}
		}
		directories, populated := d.Contained()
		for _, id := range directories {
			if shown[id] == "" {
				return fmt.Errorf("there is a directory of %s, which is not shown", id)
			}
		}
		for _, id := range populated {
			if shown[id] != "running" && shown[id] != "paused" {
				return fmt.Errorf("a process of container %s runs, which is shown as %q", id, shown[id])
			}
		}
		for id, state := range shown {
			if (state == "running" || state == "paused") && !slices.Contains(populated, id) {
				return fmt.Errorf("container %s is shown as running, and no process of it runs", id)
			}
		}
		for _, w := range all {
			for _, b := range w.beliefs {
				if is, there := shown[b.id]; !there {
					b.state = "removed"
				} else {
					b.state, b.name, b.pids = is, names[b.id], all[0].pidsLimit(b)
				}
				b.doubted = b.state != "created" && b.state != "running" && b.state != "paused" && b.state != "exited" && b.state != "removed"
			}
		}
		return nil
	})
}

// pidsLimit is the limit that inspect shows; 0 for none, and for a container that is gone.
func (w *worker) pidsLimit(b *belief) int64 {
	var c struct{ HostConfig struct{ PidsLimit *int64 } }
	if status, answer := w.request("GET", "/containers/"+b.id+"/json", ""); status != http.StatusOK || json.Unmarshal(answer, &c) != nil || c.HostConfig.PidsLimit == nil {
		return 0
	}
	return *c.HostConfig.PidsLimit
}
