//go:build linux

package volume

import (
	"time"

	"berth/internal/fault"
)

// Driver makes and keeps volumes elsewhere than the engine does: a plugin. Its methods
// wait for a program that may not answer, but not for ever: nobody calls one with a lock
// that others than the volume's own users want. An error of the kind Unavailable says that
// there was no answer; any other is the driver's own.
type Driver interface {
	Create(name string, options map[string]string) error
	Remove(name string) error
	Get(name string) (Found, error) // NotFound, in any words
	List() ([]Found, error)
	// Mount makes a volume's directory be there for a user, and says where it is. It is
	// called once for each ID, which Unmount then gives back.
	Mount(name, id string) (dir string, err error)
	Unmount(name, id string) error
	Scope() string // "local" or "global"
}

// Drivers finds drivers by their names.
type Drivers interface {
	// Lookup is NotFound, in Docker's words, for a name that no plugin has.
	Lookup(name string) (Driver, error)
	// Glance is Lookup for somebody who only looks: what it returns does not wait long.
	Glance(name string) (Driver, error)
	// All are those that answer, by their names, for a look; of the others, why they do not.
	All() (there map[string]Driver, silent map[string]error)
}

// Found is a volume as its driver knows it.
type Found struct {
	Name    string
	Dir     string // where it is mounted, if it is
	Created time.Time
	Status  map[string]any
}

// Plain reports whether a volume is its directory, with nothing to be mounted.
func (v *Volume) Plain() bool { return v.Driver == Local && len(v.Options) == 0 }

// Foreign reports whether a plugin has the volume.
func (v *Volume) Foreign() bool { return v.Driver != Local }

// driver finds the driver of a volume that is not the engine's own.
func (s Foreign) driver(name string) (Driver, error) {
	if s.drivers == nil {
		return nil, fault.New(fault.NotFound, "error looking up volume plugin %s: plugin %q not found", name, name)
	}
	return s.drivers.Lookup(name)
}
