package execs

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// keepExec is how long an exec that ended is inspected, and then once more how long it still can be:
// as with Docker, which looks every five minutes and forgets what it saw the last time.
const keepExec = 5 * time.Minute

// index is all execs, by ID and by container. Execs live in memory only: the process of one that outlives
// the daemon is taken over, how it was asked for is not.
type index struct {
	mu   sync.RWMutex
	byID map[string]*execution
	of   map[string]map[string]*execution // by container
}

func newIndex() *index {
	return &index{byID: map[string]*execution{}, of: map[string]map[string]*execution{}}
}

func (x *index) add(e *execution) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID[e.id] = e
	if x.of[e.container] == nil {
		x.of[e.container] = map[string]*execution{}
	}
	x.of[e.container][e.id] = e
}

func (x *index) get(id string) *execution {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byID[id]
}

func (x *index) drop(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.byID[id]
	if e == nil {
		return
	}
	delete(x.byID, id)
	delete(x.of[e.container], id)
	if len(x.of[e.container]) == 0 {
		delete(x.of, e.container)
	}
}

// all returns every exec.
func (x *index) all() []*execution {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Values(x.byID))
}

// alive returns the IDs of a container's execs that run or can still run, sorted.
func (x *index) alive(container string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var ids []string
	for id, e := range x.of[container] {
		if !e.over() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// orphan forgets the execs of a container that ended: those that have not been started at once, for they
// cannot be any more, and the others after a while.
func (x *index) orphan(container string) {
	for _, id := range x.alive(container) {
		if e := x.get(id); e != nil && e.claim() == nil {
			x.drop(id)
		} else {
			x.dropLater(id)
		}
	}
}

// dropLater forgets an exec that has ended.
func (x *index) dropLater(id string) {
	time.AfterFunc(keepExec, func() {
		if e := x.get(id); e != nil {
			e.mayGo.Store(true)
			time.AfterFunc(keepExec, func() { x.drop(id) })
		}
	})
}
