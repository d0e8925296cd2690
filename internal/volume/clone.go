//go:build linux

package volume

import (
	"os"
	"path/filepath"

	"berth/internal/fault"
)

// Hold is Claim for who uses a volume that has to be there.
func (s *Service) Hold(name, user string) (Volume, error) {
	v, ok := s.take(name, user)
	if !ok {
		return Volume{}, fault.New(fault.NotFound, "get %s: no such volume", name)
	}
	return v, nil
}

// CreateFrom makes a volume of a name that none has yet, with what fill puts at a name in a directory. It is on the
// disk when it returns, and nothing of it stays when it fails.
func (s *Service) CreateFrom(r Request, fill func(home, data string) error) (_ Volume, err error) {
	if err := r.check(); err != nil {
		return Volume{}, err
	}
	if r.Driver != "" && r.Driver != Local {
		return Volume{}, fault.New(fault.Unsupported, "create %s: a clone cannot be of another driver than local", r.Name)
	}
	if len(r.Options) > 0 {
		return Volume{}, fault.New(fault.Unsupported, "create %s: a clone cannot have options of the local driver", r.Name)
	}
	taken := fault.New(fault.Conflict, "create %s: there is a volume of this name already", r.Name)
	if _, err := s.Get(r.Name); err == nil {
		return Volume{}, taken
	}
	wrap := func(err error) error { return fault.Wrap(fault.Internal, err, "create %s", r.Name) }
	fresh := s.fresh(r)
	aside, err := write(s.root, fresh)
	if err != nil {
		return Volume{}, wrap(err)
	}
	defer func() {
		if err != nil {
			s.throw(aside)
		}
	}()
	if err := os.Remove(filepath.Join(aside, dataDir)); err != nil {
		return Volume{}, wrap(err)
	}
	if err := fill(aside, dataDir); err != nil {
		return Volume{}, err
	}
	v, isNew, err := s.appear(fresh, aside, "")
	if err != nil {
		return Volume{}, wrap(err)
	}
	if !isNew {
		return Volume{}, taken
	}
	return v, wrap(syncDir(s.root))
}
