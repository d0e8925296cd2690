//go:build linux

package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/test/harness"
)

// twin is a volume that is cloned and removed again.
const twin = "twin"

// snapshots keeps states of a container that runs and of its volume, and goes back to them.
func snapshots(w *worker) {
	b := w.create("", sleeper)
	w.does(b, post("/start", running), nil)
	if b == nil || w.gone {
		return
	}
	_, answer := w.request("GET", "/containers/"+b.id+"/json", "")
	var is struct{ Mounts []struct{ Name string } }
	if json.Unmarshal(answer, &is) != nil || len(is.Mounts) != 1 {
		return
	}
	volume := "/volumes/" + is.Mounts[0].Name
	own, ofVolume := w.snapshot(b, "/containers/"+b.id), w.snapshot(b, volume)
	w.wants(http.StatusCreated, "POST", volume+"/clone", `{"Name":"`+twin+`"}`)
	w.wants(http.StatusNoContent, "DELETE", "/volumes/"+twin+"?purge=1", "")
	w.does(b, post("/stop?t=0", exited), nil)
	w.wants(http.StatusOK, "POST", volume+"/rollback", `{"Snapshot":"`+ofVolume+`"}`)
	w.wants(http.StatusOK, "POST", "/containers/"+b.id+"/rollback", `{"Snapshot":"`+own+`"}`)
	w.does(b, post("/start", running), nil)
	w.sized()
	b.snapshots = slices.DeleteFunc(b.snapshots, func(path string) bool { return strings.HasSuffix(path, "/"+own) }) // from now on it may be gone
	w.wants(http.StatusNoContent, "DELETE", "/containers/"+b.id+"/snapshots/"+own, "")
}

// sized goes back to a state of a container whose files have a size of their own.
func (w *worker) sized() {
	b := w.create("", strings.Replace(sleeper, `"Cmd"`, `"HostConfig":{"StorageOpt":{"size":"20m"}},"Cmd"`, 1))
	if b == nil || w.gone {
		return
	}
	if own := w.snapshot(b, "/containers/"+b.id); own != "" {
		w.wants(http.StatusOK, "POST", "/containers/"+b.id+"/rollback", `{"Snapshot":"`+own+`"}`)
	}
}

// snapshot takes one, and is sure of it.
func (w *worker) snapshot(b *belief, of string) (id string) {
	var made struct{ ID string }
	if answer, ok := w.wants(http.StatusCreated, "POST", of+"/snapshots", ""); ok && json.Unmarshal(answer, &made) == nil {
		b.snapshots = append(b.snapshots, of+"/snapshots/"+made.ID)
	}
	return made.ID
}

// wants makes a request that is answered with a status, unless the daemon has gone or is ending.
func (w *worker) wants(wanted int, method, path, body string) (answer []byte, ok bool) {
	if w.gone {
		return nil, false
	}
	status, answer := w.request(method, path, body)
	if status != wanted && status != 0 && status < 500 {
		w.strange = append(w.strange, fmt.Sprintf("%s %s answers %d %s", method, path, status, answer))
	}
	return answer, status == wanted
}

// kept holds the snapshots that there are against those that were answered, and looks for halves of others.
func kept(d *harness.Daemon, all []*worker) error {
	var errs []error
	look := &worker{d: d}
	for _, w := range all {
		for _, b := range w.beliefs {
			for _, path := range b.snapshots {
				if status, answer := look.request("GET", path, ""); status != http.StatusOK && b.state != removed {
					errs = append(errs, fmt.Errorf("%s, which was answered, is %d %s", path, status, answer))
				}
			}
		}
	}
	status, answer := look.request("DELETE", "/volumes/"+twin+"?purge=1", "")
	if status != http.StatusNoContent && status != http.StatusNotFound {
		errs = append(errs, fmt.Errorf("the clone of a volume cannot be removed: %d %s", status, answer))
	}
	gone := func() bool {
		halves, _ := filepath.Glob(filepath.Join(d.DataRoot(), "*", "*", "snapshots", ".*"))
		marks, _ := filepath.Glob(filepath.Join(d.DataRoot(), "containers", "*", "still"))
		return len(halves)+len(marks) == 0
	}
	if !soon(gone) {
		errs = append(errs, errors.New("halves of snapshots are left"))
	}
	_, err := os.Stat(d.DataRoot())
	return errors.Join(append(errs, err)...)
}
