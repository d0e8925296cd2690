//go:build linux

package volume

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"time"

	"berth/internal/fault"
)

// Request is a volume as it is asked for.
type Request struct {
	Name    string // "" for any, of an anonymous volume
	Driver  string // "" for the default
	Options map[string]string
	Labels  map[string]string
}

// Create makes a volume, which is on the disk when it returns. One that is there
// by this name is what it returns then, whatever it was made with; fresh tells.
func (s *Service) Create(r Request) (v Volume, fresh bool, err error) {
	return s.make(r, "", true)
}

// Claim is Create for a container: until it releases the volume, that cannot be
// removed. The volume gets to the disk with the container's own record.
func (s *Service) Claim(r Request, container string) (v Volume, fresh bool, err error) {
	return s.make(r, container, false)
}

// make makes a volume that is not there, and notes its user.
func (s *Service) make(r Request, container string, durable bool) (Volume, bool, error) {
	named := r.Name != ""
	if !named {
		r = r.Unnamed()
	}
	driver, err := Foreign{s}.choose(r, named)
	if err != nil {
		return Volume{}, false, err
	}
	if r.Driver = driver; driver != Local {
		return Foreign{s}.make(r, container)
	}
	if err := r.check(); err != nil {
		return Volume{}, false, err
	}
	wrap := func(err error) error { return fault.Wrap(fault.Internal, err, "create %s", r.Name) }
	if v, ok := s.take(r.Name, container); ok {
		return v, false, wrap(syncIf(durable, s.root))
	}
	fresh := s.fresh(r)
	aside, err := write(s.root, fresh)
	if err != nil {
		return Volume{}, false, wrap(err)
	}
	v, isNew, err := s.appear(fresh, aside, container)
	if err != nil || !isNew {
		s.throw(aside)
		return v, false, wrap(errors.Join(err, syncIf(durable, s.root)))
	}
	return v, true, wrap(syncIf(durable, s.root))
}

// fresh is the volume that a request asks for.
func (s *Service) fresh(r Request) *Volume {
	return &Volume{
		Name: r.Name, Driver: Local, Scope: Local, Dir: filepath.Join(s.root, r.Name, dataDir), Created: time.Now().UTC(),
		Options: maps.Clone(r.Options), Labels: maps.Clone(r.Labels),
	}
}

// syncIf puts a directory's entries on the disk.
func syncIf(durable bool, dir string) error {
	if !durable {
		return nil
	}
	return syncDir(dir)
}

// take is the volume of a name if it is there, with one more user.
func (s *Service) take(name, container string) (Volume, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.volumes[name]
	if v == nil {
		return Volume{}, false
	}
	s.use(name, container)
	return *v, true
}

// use notes a user; the caller holds mu.
func (s *Service) use(name, container string) {
	if container == "" {
		return
	}
	if s.users[name] == nil {
		s.users[name] = map[string]bool{}
	}
	s.users[name][container] = true
}

// appear gives a volume its name, unless somebody was faster.
func (s *Service) appear(v *Volume, aside, container string) (_ Volume, isNew bool, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if there, ok := s.take(v.Name, container); ok {
		return there, false, nil
	}
	if err := os.Rename(aside, home(s.root, v.Name)); err != nil {
		return Volume{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[v.Name] = v
	s.use(v.Name, container)
	return *v, true, nil
}

// Unnamed is a request for an anonymous volume: with the label that tells of it, and
// some name if it has none.
func (r Request) Unnamed() Request {
	if r.Name == "" {
		var id [32]byte
		rand.Read(id[:])
		r.Name = hex.EncodeToString(id[:])
	}
	labels := map[string]string{AnonymousLabel: ""}
	maps.Copy(labels, r.Labels)
	r.Labels = labels
	return r
}

// check is about what is asked for, before anything is made.
func (r *Request) check() error {
	if err := check(r.Name); err != nil {
		return err
	}
	if _, err := parseOptions(r.Options); err != nil {
		return fault.New(fault.Invalid, "create %s: %v", r.Name, err)
	}
	return nil
}
