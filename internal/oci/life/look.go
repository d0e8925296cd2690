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
		d, rec, err := r.find(id)
		var s State
		if err == nil {
			s, err = r.stateOf(d, rec)
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
	d, rec, err := r.find(id)
	if err != nil {
		return nil, err
	}
	g, _, err := r.liveGroup(d, rec)
	if err != nil {
		return nil, err
	}
	return g.Procs()
}
