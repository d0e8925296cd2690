//go:build linux

package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/test/harness"
)

// handled has everything done to every container that its state allows: none may be stuck.
func handled(d *harness.Daemon) error {
	found, err := (&worker{d: d}).all()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for id := range found {
		all.Go(func() {
			err := handle(&worker{d: d}, id)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// gone has all containers gone, and holds what was told since then against what happened. One that
// is about to go by itself is told of when it has gone.
func gone(d *harness.Daemon, since time.Time) error {
	err := errors.Join(handled(d), d.Empty(), alone(d))
	if err == nil {
		soon(func() bool { err = told(d, since); return err == nil })
	}
	return err
}

// soon waits until something holds, for as long as a daemon may take for what it does by itself.
func soon(holds func() bool) bool {
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// handle lets a container go on, stops it, starts it if it can be, and removes it.
func handle(w *worker, id string) error {
	ask := func(method, path string, wanted ...int) error {
		status, answer := w.request(method, "/containers/"+id+path, "")
		if slices.Contains(wanted, status) || status == http.StatusNotFound { // one that goes by itself has gone
			return nil
		}
		return fmt.Errorf("%s %s of container %s answers %d %s", method, path, id, status, bytes.TrimSpace(answer))
	}
	var is shown
	switch status, answer := w.request("GET", "/containers/"+id+"/json", ""); {
	case status == http.StatusNotFound:
		return nil
	case status != http.StatusOK || json.Unmarshal(answer, &is) != nil:
		return fmt.Errorf("inspect of container %s answers %d %s", id, status, answer)
	}
	const done, already, conflict, failed, unknown = 204, 304, 409, 500, 400
	var err error
	if is.State.Status == paused {
		err = ask("POST", "/unpause", done)
	}
	return errors.Join(err,
		ask("POST", "/stop?t=0", done, already),
		ask("POST", "/start", done, already, unknown), // 400: its program is not there
		ask("POST", "/stop?t=0", done, already),
		ask("DELETE", "?force=1&v=1", done, conflict), // 409: it is about to go by itself
	)
}

// told holds the events of containers that are all gone, and were made after since, against what can have
// happened to one: it was created, ran and ended any number of times, and was removed, each of it told once.
// The daemon does not keep the oldest events of a long campaign.
func told(d *harness.Daemon, since time.Time) error {
	w := &worker{d: d}
	status, answer := w.request("GET", fmt.Sprintf(`/events?since=%d.%09d&until=%d&filters={"type":["container"]}`, since.Unix(), since.Nanosecond(), time.Now().Unix()+1), "")
	if status != http.StatusOK {
		return fmt.Errorf("the events answer %d %s", status, answer)
	}
	lives := map[string][]string{}
	for lines := bufio.NewScanner(bytes.NewReader(answer)); lines.Scan(); {
		var m struct {
			Action string
			Actor  struct{ ID string }
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return err
		}
		if slices.Contains([]string{"create", "start", "die", "destroy"}, m.Action) {
			lives[m.Actor.ID] = append(lives[m.Actor.ID], m.Action)
		}
	}
	var errs []error
	for id, life := range lives {
		middle := strings.Join(life, " ")
		rest, begins := strings.CutPrefix(middle, "create")
		rest, ends := strings.CutSuffix(rest, " destroy")
		if !begins || !ends || strings.ReplaceAll(rest, " start die", "") != "" {
			errs = append(errs, fmt.Errorf("the life of container %s is told as %s", id, middle))
		}
	}
	return errors.Join(errs...)
}
