//go:build linux

package volume

import (
	"crypto/rand"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Removal is how a volume is to be removed.
type Removal struct {
	Force bool // whatever its plugin says
	Purge bool // past the trash
}

// Release takes a container from a volume's users.
func (s *Service) Release(name, container string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users[name], container)
	if len(s.users[name]) == 0 {
		delete(s.users, name)
	}
}

// Remove removes a volume that no container has. It is gone from the disk's names
// when this returns; its data goes in the background.
func (s *Service) Remove(name string) error {
	if v, err := s.Get(name); err == nil && v.Foreign() {
		return Foreign{s}.remove(name, false)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	v, err := s.forget(name)
	if err != nil {
		return err
	}
	to := filepath.Join(s.root, trashDir, rand.Text())
	err = os.MkdirAll(filepath.Dir(to), 0o700)
	if errors.Is(err, unix.ENOSPC) { // a full disk has room for a name where there are others
		to, err = filepath.Join(s.root, newPrefix+rand.Text()), nil
	}
	err = errors.Join(s.release(v), err)
	if err == nil {
		err = os.Rename(filepath.Join(s.root, name), to)
	}
	if err != nil {
		restore(s, v)
		return fault.Wrap(fault.Internal, err, "remove %s", name)
	}
	s.throw(to)
	return fault.Wrap(fault.Internal, syncDir(s.root), "remove %s", name)
}

// forget takes a volume out of the map before it loses its name: a container that
// claims it from now on waits for its turn to make it anew.
func (s *Service) forget(name string) (*Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.unused(name)
	if err == nil {
		delete(s.volumes, name)
	}
	return v, err
}

// unused finds a volume that no container has; the caller holds mu.
func (s *Service) unused(name string) (*Volume, error) {
	v := s.volumes[name]
	switch {
	case v == nil:
		return nil, fault.New(fault.NotFound, "get %s: no such volume", name)
	case v.Protected():
		return nil, fault.New(fault.Conflict, "remove %s: volume is protected: it has the label %s=true, and nothing removes it until it is unprotected", name, ProtectLabel)
	case len(s.users[name]) > 0:
		return nil, fault.New(fault.Conflict, "remove %s: volume is in use - [%s]", name, strings.Join(slices.Sorted(maps.Keys(s.users[name])), ", "))
	}
	return v, nil
}
