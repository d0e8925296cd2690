//go:build linux

package life

import "berth/internal/fault"

// List tells of all containers. One that is being created or deleted just now
// is left out.
func (r *Runtime) List() ([]State, error) {
	ids, err := r.Store.List()
	if err != nil {
		return nil, err
	}
	out := []State{}
	for _, id := range ids {
		d, rec, err := find(r.Store, id)
		var s State
		if err == nil {
			s, err = stateOf(d, rec)
		}
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			r.Warn("load container " + id + ": " + err.Error())
		default:
			s.Owner = ownerName(rec.Owner)
			out = append(out, s)
		}
	}
	return out, nil
}

// Processes lists the process IDs of a container.
func (r *Runtime) Processes(id string) ([]int, error) {
	d, rec, err := find(r.Store, id)
	if err != nil {
		return nil, err
	}
	g, _, err := liveGroup(d, rec)
	if err != nil {
		return nil, err
	}
	return g.Procs()
}
