package container

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// keepExec is how long an exec that ended can still be inspected.
const keepExec = 5 * time.Minute

// execIndex is all execs, by ID.
type execIndex struct {
	mu   sync.Mutex
	byID map[string]*execution
}

func newExecIndex() *execIndex { return &execIndex{byID: map[string]*execution{}} }

func (x *execIndex) add(e *execution) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID[e.id] = e
}

func (x *execIndex) get(id string) *execution {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.byID[id]
}

func (x *execIndex) drop(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.byID, id)
}

// all returns every exec.
func (x *execIndex) all() []*execution {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Values(x.byID))
}

// of returns the IDs of a container's execs that run or can still run, sorted.
func (x *execIndex) of(container string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var ids []string
	for id, e := range x.byID {
		if e.container == container && !e.over() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// orphan lets the execs of a container that ended be forgotten after a while.
func (x *execIndex) orphan(container string) {
	for _, id := range x.of(container) {
		x.dropLater(id)
	}
}

func (x *execIndex) dropLater(id string) {
	time.AfterFunc(keepExec, func() { x.drop(id) })
}
