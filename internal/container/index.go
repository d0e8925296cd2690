package container

import (
	"slices"
	"strings"
	"sync"

	"berth/internal/fault"
)

// index finds containers by ID, name and unique ID prefix. It is the only
// thing that all containers share; its lock is never held over I/O.
type index struct {
	mu    sync.RWMutex
	byID  map[string]*entry
	names map[string]string // name to ID; a name is taken before its container exists
}

func newIndex() *index {
	return &index{byID: map[string]*entry{}, names: map[string]string{}}
}

// find follows Docker's order: full ID, name, unique prefix of an ID.
func (x *index) find(ref string) (*entry, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e, ok := x.byID[ref]; ok {
		return e, nil
	}
	name := strings.TrimPrefix(ref, "/")
	if id, ok := x.names[name]; ok && x.byID[id] != nil {
		return x.byID[id], nil
	}
	var hit *entry
	for id, e := range x.byID {
		if ref == "" || !strings.HasPrefix(id, ref) {
			continue
		}
		if hit != nil {
			return nil, fault.New(fault.Invalid, "multiple IDs found with provided prefix: %s", ref)
		}
		hit = e
	}
	if hit == nil {
		return nil, fault.New(fault.NotFound, "No such container: %s", ref)
	}
	return hit, nil
}

// reserve takes a name for a container that is about to be.
func (x *index) reserve(name, id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if holder, taken := x.names[name]; taken {
		return fault.New(fault.Conflict, "Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, holder)
	}
	x.names[name] = id
	return nil
}

// add shows a container to readers. Its name has been reserved.
func (x *index) add(e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID[e.id] = e
}

// release frees a name that a container had, or was to have.
func (x *index) release(name, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.names[name] == id {
		delete(x.names, name)
	}
}

// drop forgets a container and frees its name.
func (x *index) drop(id, name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.byID, id)
	if x.names[name] == id {
		delete(x.names, name)
	}
}

// all returns the entries, the newest first.
func (x *index) all() []*entry {
	x.mu.RLock()
	list := make([]*entry, 0, len(x.byID))
	for _, e := range x.byID {
		list = append(list, e)
	}
	x.mu.RUnlock()
	slices.SortFunc(list, func(a, b *entry) int {
		if c := b.snap.Load().Created.Compare(a.snap.Load().Created); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	return list
}
