//go:build linux

// Package life is what the runtime does with containers: a file for each verb
// of the OCI runtime specification (runtime.md) and of runc's command line.
//
// A container is created in three parts. A job takes everything that the
// program needs (root, control group, streams), the conversation serves the
// points at which the child waits for something that only the host can do,
// and the child then waits at the fifo until `start`. Nobody stays beside it:
// it becomes a child of the caller's subreaper.
package life

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/oci/store"
)

// Runtime does one command.
type Runtime struct {
	Store   store.Store
	Systemd bool         // --systemd-cgroup
	Warn    func(string) // for what goes wrong and stops nothing

	starter starter
}

// State is what `state` and `list` print, with runc's names.
type State struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Pid         int               `json:"pid"`
	Status      string            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     string            `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Owner       string            `json:"owner"`
}

// What a container can be. All but paused are the specification's.
const (
	creating = "creating"
	created  = "created"
	running  = "running"
	paused   = "paused"
	stopped  = "stopped"
)

// status looks at what a container is now.
func status(d *store.Dir, rec store.Record) string {
	switch {
	case !rec.Lives():
		return stopped
	case rec.Creating:
		return creating
	}
	if g, err := group(rec); err == nil && g != nil {
		if frozen, err := g.Frozen(); err == nil && frozen {
			return paused
		}
	}
	if d.Waits() {
		return created
	}
	return running
}

// State tells what a container is now.
func (r *Runtime) State(id string) (State, error) {
	d, rec, err := find(r.Store, id)
	if err != nil {
		return State{}, err
	}
	return stateOf(d, rec)
}

func stateOf(d *store.Dir, rec store.Record) (State, error) {
	spec, err := config(d)
	if err != nil {
		return State{}, err
	}
	s := State{
		Version: specs.Version, ID: rec.ID, Pid: rec.Pid, Status: status(d, rec), Bundle: rec.Bundle, Rootfs: rec.Rootfs,
		Created: rec.Created.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"), Annotations: spec.Annotations,
	}
	if s.Status == stopped {
		s.Pid = 0
	}
	return s, nil
}

// find is a container and what is known of it.
func find(s store.Store, id string) (*store.Dir, store.Record, error) {
	d, err := s.Open(id)
	if err != nil {
		return nil, store.Record{}, err
	}
	rec, err := d.Load()
	return d, rec, err
}

// locked is find for a verb that changes something. The caller unlocks.
func locked(s store.Store, id string) (*store.Dir, store.Record, error) {
	d, err := s.Open(id)
	if err != nil {
		return nil, store.Record{}, err
	}
	if err := d.Lock(); err != nil {
		return nil, store.Record{}, err
	}
	rec, err := d.Load()
	if err != nil {
		d.Unlock()
	}
	return d, rec, err
}

// hookState is what a hook reads on its standard input.
func hookState(rec store.Record, spec *specs.Spec, status specs.ContainerState) specs.State {
	return specs.State{Version: specs.Version, ID: rec.ID, Status: status, Pid: rec.Pid, Bundle: rec.Bundle, Annotations: spec.Annotations}
}

// config is the spec that a container was created from.
func config(d *store.Dir) (*specs.Spec, error) {
	spec, err := d.Config()
	if err == nil && spec.Process != nil {
		dropAmbient(spec.Process.Capabilities)
	}
	return spec, err
}
