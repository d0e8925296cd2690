//go:build linux

package volume

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"time"

	"berth/internal/fault"
)

// Foreign is a service as seen by those who deal with plugins: they wait for programs
// that may not answer.
//
// A plugin's volume has a directory below the root as others have, with its record and, in
// mounts, a note for each user for whom the plugin was asked to mount it (reference.go).
// What changes it is done one at a time for each name.
type Foreign struct{ *Service }

// Abandon is Remove, but a volume is forgotten even if its plugin does not remove it.
func (s Foreign) Abandon(name string) error { return s.remove(name, true) }

// choose says which driver a request is for: the one it names, that of the volume which
// is there, or of the plugin which has one of this name.
func (s Foreign) choose(r Request, named bool) (string, error) {
	known, err := s.Get(r.Name)
	there := err == nil
	switch {
	case there && (r.Driver == "" || r.Driver == known.Driver):
		return known.Driver, nil
	case there:
		if r.Driver != Local {
			if _, err := s.driver(r.Driver); err != nil {
				return "", fault.Wrap(fault.KindOf(err), err, "create %s", r.Name)
			}
		}
		return "", fault.New(fault.Conflict, "create %s: driver '%s' already has volume '%s': volume name must be unique", r.Name, known.Driver, r.Name)
	case r.Driver != "":
		return r.Driver, nil
	case s.drivers == nil || !named || !s.references.isSettled():
		return Local, nil
	}
	if found, ok := s.probe(r.Name); ok {
		return found.Driver, nil
	}
	return Local, nil
}

// makeForeign makes a volume of a plugin's, or takes one that the plugin has.
func (s Foreign) make(r Request, container string) (v Volume, fresh bool, err error) {
	if s.drivers != nil && !s.references.isSettled() { // a daemon that starts waits for no plugin
		if v, ok := s.take(r.Name, container); ok {
			return v, false, nil
		}
		return Volume{}, false, fault.New(fault.NotFound, "get %s: no such volume", r.Name)
	}
	defer s.names.lock(r.Name)()
	driver, err := s.driver(r.Driver)
	if err != nil {
		return Volume{}, false, fault.Wrap(fault.KindOf(err), err, "create %s", r.Name)
	}
	found, err := driver.Get(r.Name)
	if known, getErr := s.Get(r.Name); getErr == nil {
		if lost, why := s.lost(&known, found, err); why != nil {
			return Volume{}, false, why
		} else if !lost {
			v, _ = s.take(r.Name, container)
			return v, false, nil
		}
		if err := s.disown(r.Name); err != nil {
			return Volume{}, false, err
		}
	}
	if fault.Is(err, fault.Unavailable) {
		return Volume{}, false, fault.Wrap(fault.Unavailable, err, "create %s", r.Name)
	}
	made := err != nil || found.Name == ""
	if made {
		if err := driver.Create(r.Name, r.Options); err != nil {
			return Volume{}, false, fault.Wrap(fault.KindOf(err), err, "create %s", r.Name)
		}
	}
	v, err = s.note(&Volume{
		Name: r.Name, Driver: r.Driver, Scope: driver.Scope(), Dir: found.Dir, Created: found.since(), Options: r.Options, Labels: r.Labels,
	}, container)
	if err != nil && made {
		err = errors.Join(err, driver.Remove(r.Name))
	}
	return v, err == nil, fault.Wrap(fault.KindOf(err), err, "create %s", r.Name)
}

// since is when a volume was made, as far as its driver says.
func (f Found) since() time.Time {
	if f.Created.IsZero() {
		return time.Now().UTC()
	}
	return f.Created
}

// lost is about a volume that is known: whether its driver has it no more. One that a
// container has is not made anew behind its back.
func (s Foreign) lost(known *Volume, found Found, err error) (bool, error) {
	switch {
	case err == nil && found.Name != "":
		return false, nil
	case fault.Is(err, fault.Unavailable):
		return false, fault.New(fault.Conflict, "create %s: found reference to volume '%s' in driver '%s', but got an error while checking the driver: %v: volume name must be unique",
			known.Name, known.Name, known.Driver, err)
	case len(s.Users(known.Name)) > 0:
		return false, fault.New(fault.Conflict, "create %s: found references to volume '%s' in driver '%s' but the volume was not found in the driver -- you may need to remove containers referencing this volume or force remove the volume to re-create it: volume name must be unique",
			known.Name, known.Name, known.Driver)
	}
	return true, nil
}

// note writes the record of a plugin's volume down, which is how it gets to be known.
func (s Foreign) note(v *Volume, container string) (Volume, error) {
	aside, err := write(s.root, v)
	if err != nil {
		return Volume{}, err
	}
	known, isNew, err := s.appear(v, aside, container)
	if err != nil || !isNew {
		s.throw(aside)
		if err == nil && known.Driver != v.Driver {
			err = fault.New(fault.Conflict, "driver '%s' already has volume '%s': volume name must be unique", known.Driver, v.Name)
		}
		return known, err
	}
	return known, syncDir(s.root)
}

// removeForeign has a plugin remove its volume, and forgets it; with force also when
// the plugin does not, or is gone.
func (s Foreign) remove(name string, force bool) error {
	defer s.names.lock(name)()
	v, err := s.free(name)
	if err != nil {
		return err
	}
	driver, err := s.driver(v.Driver)
	if err == nil {
		err = driver.Remove(name)
	}
	if err != nil && !force {
		return fault.Wrap(fault.KindOf(err), err, "remove %s", name)
	}
	return s.disown(name)
}

// free finds a volume that no container has.
func (s Foreign) free(name string) (*Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unused(name)
}

// disown forgets a plugin's volume that no container has.
func (s Foreign) disown(name string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	v, err := s.Service.forget(name)
	if err != nil {
		return err
	}
	to := filepath.Join(s.root, trashDir, rand.Text())
	if err = os.MkdirAll(filepath.Dir(to), 0o700); err == nil {
		err = os.Rename(home(s.root, name), to)
	}
	if err != nil {
		restore(s.Service, v)
		return fault.Wrap(fault.Internal, err, "remove %s", name)
	}
	s.references.drop(name)
	s.throw(to)
	return fault.Wrap(fault.Internal, syncDir(s.root), "remove %s", name)
}
