// Package index finds containers by ID, name and the beginning of an ID, and keeps names apart.
package index

import (
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/fault"
)

// Entry is one container.
type Entry interface {
	comparable
	ID() string
	Created() time.Time
}

// Index is all containers of a daemon. It is the only
// thing that they share; its lock is never held over I/O.
type Index[E Entry] struct {
	mu    sync.RWMutex
	byID  map[string]E
	names map[string]string // name to ID; a name is taken before its container exists
}

// New returns an Index without containers and names.
func New[E Entry]() *Index[E] {
	return &Index[E]{byID: map[string]E{}, names: map[string]string{}}
}

// Find follows Docker's order: full ID, name, unique prefix of an ID.
func (x *Index[E]) Find(ref string) (E, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e, ok := x.byID[ref]; ok {
		return e, nil
	}
	name := strings.TrimPrefix(ref, "/")
	if e, ok := x.byID[x.names[name]]; ok {
		return e, nil
	}
	var hit, none E
	for id, e := range x.byID {
		if ref == "" || !strings.HasPrefix(id, ref) {
			continue
		}
		if hit != none {
			return none, fault.New(fault.Invalid, "multiple IDs found with provided prefix: %s", ref)
		}
		hit = e
	}
	if hit == none {
		return none, fault.New(fault.NotFound, "No such container: %s", ref)
	}
	return hit, nil
}

// Reserve takes a name for a container that is about to be.
func (x *Index[E]) Reserve(name, id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if holder, taken := x.names[name]; taken {
		return fault.New(fault.Conflict, "Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, holder)
	}
	x.names[name] = id
	return nil
}

// Add shows a container to readers. Its name has been reserved.
func (x *Index[E]) Add(e E) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID[e.ID()] = e
}

// Release frees a name that a container had, or was to have.
func (x *Index[E]) Release(name, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.names[name] == id {
		delete(x.names, name)
	}
}

// Drop forgets a container and frees its name.
func (x *Index[E]) Drop(id, name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.byID, id)
	if x.names[name] == id {
		delete(x.names, name)
	}
}

// All returns the entries, the newest first.
func (x *Index[E]) All() []E {
	x.mu.RLock()
	list := make([]E, 0, len(x.byID))
	for _, e := range x.byID {
		list = append(list, e)
	}
	x.mu.RUnlock()
	slices.SortFunc(list, func(a, b E) int {
		if c := b.Created().Compare(a.Created()); c != 0 {
			return c
		}
		return strings.Compare(a.ID(), b.ID())
	})
	return list
}
