//go:build linux

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// The states that a client may be sure of.
const (
	created = "created"
	running = "running"
	paused  = "paused"
	exited  = "exited"
	removed = "removed"
)

// belief is what a client may be sure of about one container: what the last
// answer said, unless a request without an answer has made it doubtful.
type belief struct {
	id      string
	state   string // one of those above
	name    string // that it was given last; "" for one of the daemon's choice
	pids    int64  // the limit that it was given last; 0 for none
	code    *int   // the exit code that was answered last; nil while none was
	doubted bool

	snapshots []string // that were answered, by their paths
	wild      bool     // it changes its state by itself: nothing is believed of it but that it can be handled
}

// worker is a client that keeps its beliefs. Once the daemon does not answer, it does nothing any more.
type worker struct {
	d       *harness.Daemon
	beliefs []*belief
	gone    bool     // the daemon is
	blind   bool     // the keeper has been killed too: nobody has seen some ends
	strange []string // answers that no killed daemon explains
}

// request returns the status, or 0 when no whole answer came.
func (w *worker) request(method, path, body string) (status int, answer []byte) {
	if w.gone {
		return 0, nil
	}
	req, err := http.NewRequest(method, "http://berth/v1.47"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.d.HTTP().Do(req)
	if err == nil {
		defer resp.Body.Close()
		answer, err = io.ReadAll(resp.Body)
	}
	if err != nil {
		w.gone = true
		return 0, nil
	}
	return resp.StatusCode, answer
}

// create makes a container; name may be "". It is nil when there is no answer.
func (w *worker) create(name, body string) *belief {
	query := ""
	if name != "" {
		query = "?name=" + name
	}
	status, answer := w.request("POST", "/containers/create"+query, body)
	var made struct{ ID string }
	switch {
	case status == 0:
	case status != http.StatusCreated, json.Unmarshal(answer, &made) != nil, made.ID == "":
		w.strange = append(w.strange, fmt.Sprintf("create: %d %s", status, answer))
	default:
		b := &belief{id: made.ID, name: name, state: created}
		w.beliefs = append(w.beliefs, b)
		return b
	}
	return nil
}

// verb is a request about a container that is in a known state, and the state that it has after it.
type verb struct{ method, path, to, body string }

// does has a verb done. An answer without an error makes its state, and whatever else
// it says in sure, the container's.
func (w *worker) does(b *belief, v verb, sure func()) {
	if b == nil || w.gone {
		return
	}
	status, answer := w.request(v.method, "/containers/"+b.id+v.path, v.body)
	switch {
	case status == 0 || status >= 500: // it is gone, or it is ending
		b.doubted = true
	case status >= 400:
		b.doubted = true
		w.strange = append(w.strange, fmt.Sprintf("%s %s of a container that is %s: %d %s", v.method, v.path, b.state, status, bytes.TrimSpace(answer)))
	default:
		if v.to == running && b.state != paused {
			b.code = nil
		}
		b.state = v.to
		if sure != nil {
			sure()
		}
	}
}

// awaits waits for a run's end, and is sure of its code.
func (w *worker) awaits(b *belief) {
	if b == nil || w.gone || b.doubted {
		return
	}
	status, answer := w.request("POST", "/containers/"+b.id+"/wait", "")
	var end struct{ StatusCode int }
	if status != http.StatusOK || json.Unmarshal(answer, &end) != nil {
		b.doubted = true
		return
	}
	b.state, b.code = exited, &end.StatusCode
}

// shown is what an inspect says of a container.
type shown struct {
	ID, Name string
	State    struct {
		Status   string
		ExitCode int
		Pid      int
	}
	HostConfig struct{ PidsLimit *int64 }
}

// all lists every container with what is said of it.
func (w *worker) all() (map[string]shown, error) {
	status, answer := w.request("GET", "/containers/json?all=1", "")
	var list []struct{ ID string }
	if err := json.Unmarshal(answer, &list); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the list answers %d %s", status, answer)
	}
	found := map[string]shown{}
	for _, c := range list {
		var s shown
		switch status, answer := w.request("GET", "/containers/"+c.ID+"/json", ""); {
		case status == http.StatusNotFound: // it has just been removed
			continue
		case status != http.StatusOK || json.Unmarshal(answer, &s) != nil:
			return nil, fmt.Errorf("inspect answers %d %s", status, answer)
		}
		s.Name = strings.TrimPrefix(s.Name, "/")
		found[c.ID] = s
	}
	return found, nil
}

// differs tells how what is shown of a container differs from what is believed; nil if not at all.
func (b *belief) differs(is shown, there bool) error {
	state := is.State.Status
	if !there {
		state = removed
	}
	var limit int64
	if p := is.HostConfig.PidsLimit; p != nil {
		limit = *p
	}
	switch {
	case b.wild || b.doubted:
		return nil
	case state != b.state:
		return fmt.Errorf("container %s was %s by the last answer, and is %s", b.id, b.state, state)
	case !there:
		return nil
	case limit != b.pids:
		return fmt.Errorf("container %s had the limit %d by the last answer, and has %d", b.id, b.pids, limit)
	case b.name != "" && is.Name != b.name:
		return fmt.Errorf("container %s was %s by the last answer, and is %s", b.id, b.name, is.Name)
	case b.code != nil && is.State.ExitCode != *b.code:
		return fmt.Errorf("container %s ended with %d by the last answer, and with %d now", b.id, *b.code, is.State.ExitCode)
	}
	return nil
}

// learn makes what is shown what is believed; doubts end with that.
func (b *belief) learn(is shown, there bool) {
	if b.state = removed; there {
		b.state, b.name, b.pids = is.State.Status, is.Name, 0
		if p := is.HostConfig.PidsLimit; p != nil {
			b.pids = *p
		}
		if b.code = nil; b.state == exited {
			b.code = &is.State.ExitCode
		}
	}
	b.doubted = !slices.Contains([]string{created, running, paused, exited, removed}, b.state)
}

// unseen is the exit code of a run whose end nobody saw.
const unseen = 255

// compare holds the new daemon to every belief, and looks for what no
// container that it shows explains. Doubts end with what it shows. While the keeper lives it has seen
// every end.
func compare(t *testing.T, d *harness.Daemon, all []*worker, round string) {
	t.Helper()
	look := &worker{d: d}
	harness.Eventually(t, round, func() error {
		found, err := look.all()
		if err != nil {
			return err
		}
		for _, w := range all {
			for _, b := range w.beliefs {
				is, there := found[b.id]
				if err := b.differs(is, there); err != nil {
					return err
				}
			}
		}
		for id, is := range found {
			if is.State.Status == exited && is.State.ExitCode == unseen && !slices.ContainsFunc(all, func(w *worker) bool { return w.blind }) {
				return fmt.Errorf("nobody has seen the end of container %s", id)
			}
		}
		if err := runs(d, found); err != nil {
			return err
		}
		for _, w := range all {
			w.gone = false
			for _, b := range w.beliefs {
				is, there := found[b.id]
				b.learn(is, there)
			}
		}
		return nil
	})
}

// runs holds what is shown against the host: directories and processes.
func runs(d *harness.Daemon, found map[string]shown) error {
	directories, populated := d.Contained()
	for _, id := range directories {
		if _, there := found[id]; !there {
			return fmt.Errorf("there is a directory of %s, which is not shown", id)
		}
	}
	up := func(id string) bool { s := found[id].State.Status; return s == running || s == paused }
	for _, id := range populated {
		if !up(id) {
			return fmt.Errorf("a process of container %s runs, which is shown as %q", id, found[id].State.Status)
		}
	}
	for id, is := range found {
		if up(id) && !slices.Contains(populated, id) {
			return fmt.Errorf("container %s is shown as %s, and no process of it runs", id, is.State.Status)
		}
	}
	return nil
}
