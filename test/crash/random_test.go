//go:build linux

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// sleeper is a container that runs until it is ended, and ender one that ends by itself.
const (
	sleeper = `{"Image":"berth/hello","Cmd":["sleep","infinity"],"Volumes":{"/data":{}}}`
	ender   = `{"Image":"berth/hello","Cmd":["exit","7"]}`
)

// chooser is a worker that does one thing after the other with one container at a time.
type chooser struct {
	worker
	random *rand.Rand
	ends   bool // its present container ends by itself
}

// present is the container that is worked on; nil when there is none that anything is known of.
func (w *chooser) present() *belief {
	if i := slices.IndexFunc(w.beliefs, func(b *belief) bool { return !b.doubted && b.state != removed }); i >= 0 {
		return w.beliefs[i]
	}
	return nil
}

// step does one thing.
func (w *chooser) step() {
	b := w.present()
	if b == nil {
		if w.ends = w.random.IntN(4) == 0; w.ends {
			w.create("", ender)
		} else {
			w.create("", sleeper)
		}
		return
	}
	if w.ends && b.state != created {
		w.again(b)
		return
	}
	other := []func(*belief){w.rename, w.update, w.commit}
	if b.state == running {
		other = append(other, w.exec, w.exec, w.update)
	}
	verbs := w.verbs(b.state)
	if i := w.random.IntN(len(verbs) + len(other)); i >= len(verbs) {
		other[i-len(verbs)](b)
	} else {
		w.act(b, verbs[i])
	}
}

// verbs are what is done about a container's state.
func (w *chooser) verbs(state string) []verb {
	remove := verb{"DELETE", "?force=1&v=1", removed, ""}
	end := []verb{{"POST", "/stop?t=0", exited, ""}, {"POST", "/kill", exited, ""}, {"POST", "/restart?t=0", running, ""}, remove}
	return map[string][]verb{
		created: {{"POST", "/start", running, ""}, {"POST", "/start", running, ""}, {"POST", "/restart", running, ""}, remove},
		running: append(end, verb{"POST", "/pause", paused, ""}),
		paused:  append(end, verb{"POST", "/unpause", running, ""}),
		exited:  {{"POST", "/start", running, ""}, {"POST", "/restart", running, ""}, {"DELETE", "?v=1", removed, ""}},
	}[state]
}

// act does a verb; when that ends a run, its code is asked for.
func (w *chooser) act(b *belief, v verb) {
	w.does(b, v, nil)
	if b.state == exited || w.ends && b.state == running {
		w.awaits(b)
	}
}

// again starts what ends by itself, and learns its code; or removes it.
func (w *chooser) again(b *belief) {
	if b.code != nil && *b.code != 7 {
		w.strange = append(w.strange, fmt.Sprintf("a container that ends with 7 has ended with %d", *b.code))
	}
	if w.random.IntN(3) == 0 {
		w.does(b, verb{"DELETE", "?force=1&v=1", removed, ""}, nil)
		return
	}
	if b.state == running { // it need not be any more
		w.awaits(b)
		return
	}
	w.act(b, verb{"POST", "/start", running, ""})
}

func (w *chooser) rename(b *belief) {
	name := "name-" + strconv.FormatUint(w.random.Uint64(), 16)
	w.does(b, verb{"POST", "/rename?name=" + name, b.state, ""}, func() { b.name = name })
}

func (w *chooser) update(b *belief) {
	pids := int64(20 + w.random.IntN(1000))
	w.does(b, verb{"POST", "/update", b.state, fmt.Sprintf(`{"PidsLimit":%d}`, pids)}, func() { b.pids = pids })
}

// commit makes an image of it, which changes nothing; the image is removed.
func (w *chooser) commit(b *belief) {
	status, answer := w.request("POST", "/commit?container="+b.id, "{}")
	var made struct{ ID string }
	if status == http.StatusCreated && json.Unmarshal(answer, &made) == nil {
		w.request("DELETE", "/images/"+made.ID, "")
	} else if status >= 400 && status < 500 {
		w.strange = append(w.strange, fmt.Sprintf("commit of a container that is %s: %d %s", b.state, status, answer))
	}
}

// exec runs something further in it.
func (w *chooser) exec(b *belief) { w.worker.exec(b, "true") }

// exec runs a command of the image in a running container, and does not wait for its end.
func (w *worker) exec(b *belief, command string) {
	if b == nil {
		return
	}
	status, answer := w.request("POST", "/containers/"+b.id+"/exec", `{"Cmd":["/hello",`+strconv.Quote(command)+`]}`)
	var made struct{ ID string }
	if status == http.StatusCreated && json.Unmarshal(answer, &made) == nil {
		status, answer = w.request("POST", "/exec/"+made.ID+"/start", `{"Detach":true}`)
	}
	if status >= 400 && status < 500 {
		w.strange = append(w.strange, fmt.Sprintf("exec in a container that is %s: %d %s", b.state, status, answer))
	}
}

// moments is how many times the daemon is killed: BERTH_CRASH_MOMENTS, or a few.
func moments(t *testing.T) int {
	word := os.Getenv("BERTH_CRASH_MOMENTS")
	if word == "" {
		return 12
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		t.Fatalf("BERTH_CRASH_MOMENTS: %v", err)
	}
	return n
}

// TestWhatWasAnsweredSurvivesAKillAtAnyMoment kills the daemon while twenty clients are in the middle
// of everything, each with a container of its own, and holds the next one to what the killed one had
// answered: at each moment, and in the end when nothing of any container may be left.
func TestWhatWasAnsweredSurvivesAKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Client(t, "docker").Must("run", "--rm", "berth/hello", "true")
	const clients, between = 20, 10 // moments after which everything is removed
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var all []*chooser
	for i := range clients {
		all = append(all, &chooser{worker: worker{d: d}, random: rand.New(rand.NewPCG(seed, uint64(i+1)))})
	}
	total, since := moments(t), time.Now()
	for moment := 1; moment <= total; moment++ {
		work(d, all, int64(20+random.IntN(180)))
		d.StartAgain()
		round := fmt.Sprintf("moment %d of %d", moment, total)
		holds(t, d, all, round)
		if moment%between == 0 || moment == total {
			if err := gone(d, since); err != nil {
				t.Errorf("%s: %v", round, err)
			}
			since = time.Now()
			for _, w := range all {
				w.beliefs = nil
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d moments", total)
}

// work has all clients work until there were so many answers, and kills the daemon.
func work(d *harness.Daemon, all []*chooser, answers int64) {
	var steps atomic.Int64
	enough := make(chan struct{})
	var once sync.Once
	var working sync.WaitGroup
	for _, w := range all {
		working.Go(func() {
			for !w.gone {
				w.step()
				if steps.Add(1) >= answers || w.gone {
					once.Do(func() { close(enough) })
				}
			}
		})
	}
	select {
	case <-enough:
		d.Kill9()
	case <-time.After(30 * time.Second):
		d.Quit() // its log says where it hangs
	}
	working.Wait()
}

// holds compares what all clients believe, and fails for what they found strange.
func holds(t *testing.T, d *harness.Daemon, all []*chooser, round string) {
	t.Helper()
	var workers []*worker
	for _, w := range all {
		for _, s := range w.strange {
			t.Errorf("%s: %s", round, s)
		}
		w.strange = nil
		workers = append(workers, &w.worker)
	}
	compare(t, d, workers, round)
}
