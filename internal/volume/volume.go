//go:build linux

// Package volume keeps named directories that outlive containers.
//
// A volume is a directory <root>/<name> with its data in _data and what is known
// of it in volume.json. It is made aside and takes its name by one rename, and
// loses it by one: none is ever half there. A volume with options of the local
// driver has a file system of its own, which is mounted over _data while
// containers that use it run.
package volume

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/fault"
)

// Local is the name of the driver that the engine itself is.
const Local = "local"

// AnonymousLabel marks, with an empty value, a volume that nobody gave a name.
const AnonymousLabel = "com.docker.volume.anonymous"

// Volume is one volume as it is. Its maps are not changed.
type Volume struct {
	Name    string
	Driver  string // Local, or a plugin's name
	Scope   string // "local" or "global"
	Dir     string // where its data is, or is mounted; of a plugin's, "" while nobody knows
	Created time.Time
	Options map[string]string // of the local driver: type, device, o
	Labels  map[string]string
	Status  map[string]any // what a plugin says of it, where it has been asked
}

// Anonymous tells whether nobody gave the volume its name.
func (v *Volume) Anonymous() bool {
	_, is := v.Labels[AnonymousLabel]
	return is
}

// Service is the volumes of one daemon. Its methods may be called from any goroutine.
type Service struct {
	root string

	changing sync.Mutex // over what appears and goes, on the disk and below
	mu       sync.Mutex // over the maps; held for no longer than a look
	volumes  map[string]*Volume
	users    map[string]map[string]bool // containers that have a volume, by its name

	mounts     mounts
	drivers    Drivers // nil when there are none but the local one
	names      names   // of plugins' volumes that are being changed
	references references
	trash      sync.WaitGroup // removals of data that nobody sees any more
}

// List returns all volumes in the order of their names.
func (s *Service) List() []Volume {
	s.mu.Lock()
	list := make([]Volume, 0, len(s.volumes))
	for _, v := range s.volumes {
		list = append(list, *v)
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b Volume) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Get finds a volume by its name.
func (s *Service) Get(name string) (Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.volumes[name]; v != nil {
		return *v, nil
	}
	return Volume{}, fault.New(fault.NotFound, "get %s: no such volume", name)
}

// Users are the IDs of the containers that have a volume, in order.
func (s *Service) Users(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.users[name]))
}

// Use makes known which drivers there are besides the local one, before anything else is asked.
func (s *Service) Use(d Drivers) { s.drivers = d }

// Close waits for the removals that are under way.
func (s *Service) Close() {
	s.references.close()
	s.trash.Wait()
}

// check is about the names that people give. They are names of directories too.
func check(name string) error {
	if len(name) == 1 {
		return fault.New(fault.Invalid, "create %s: volume name is too short, names should be at least two alphanumeric characters", name)
	}
	if len(name) > maxName || !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`).MatchString(name) {
		return fault.New(fault.Invalid, "create %s: %q includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path", name, name)
	}
	return nil
}

// maxName is what a file system lets a directory's name have, in bytes.
const maxName = 255

// Plain reports whether a volume is its directory, with nothing to be mounted.
func (s *Service) Plain(name string) bool {
	v, err := s.Get(name)
	return err == nil && v.Plain()
}
