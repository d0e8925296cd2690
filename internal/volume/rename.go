//go:build linux

package volume

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/fault"
)

// Rename gives a volume of the local driver another name, by one rename of its directory.
// Containers refer to their volumes by name, in their records and in what their users have
// written down: so it is refused while one has the volume, whether it runs or not.
func Rename(s *Service, from, to string) (Volume, error) {
	if err := check(to); err != nil {
		return Volume{}, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	v, err := depart(s, from, to)
	if err != nil {
		return Volume{}, err
	}
	if err := errors.Join(s.release(&v), os.Rename(home(s.root, from), home(s.root, to))); err != nil {
		restore(s, &v)
		return Volume{}, fault.Wrap(fault.Internal, err, "rename %s", from)
	}
	v.Name, v.Dir = to, filepath.Join(s.root, to, dataDir)
	restore(s, &v)
	return v, fault.Wrap(fault.Internal, syncDir(s.root), "rename %s", from)
}

// depart takes a volume out of the map before it loses its name: who claims it from now on
// waits to make one anew.
func depart(s *Service, from, to string) (Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.volumes[from]
	switch {
	case v == nil:
		return Volume{}, fault.New(fault.NotFound, "get %s: no such volume", from)
	case v.Foreign():
		return Volume{}, fault.New(fault.Unsupported, "rename %s: the volume is of the driver %s, which cannot rename", from, v.Driver)
	case len(s.users[from]) > 0:
		return Volume{}, fault.New(fault.Conflict, "rename %s: volume is in use - [%s]", from, strings.Join(slices.Sorted(maps.Keys(s.users[from])), ", "))
	case s.volumes[to] != nil:
		return Volume{}, fault.New(fault.Conflict, "rename %s: there is a volume %s already", from, to)
	}
	delete(s.volumes, from)
	return *v, nil
}
