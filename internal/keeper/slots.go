//go:build linux

package keeper

import (
	"sync"
	"time"
)

// slowStart is how long a start may hold up those behind it. Some never end: a
// container can stop a process that comes into it before that has executed its
// program.
const slowStart = 200 * time.Millisecond

// slots bound how many starts are under way.
type slots chan struct{}

// take waits until there are few enough. The slot is given back by the function
// that it returns, or when the start turns out to be a slow one.
func (s slots) take() (give func()) {
	s <- struct{}{}
	once := sync.OnceFunc(func() { <-s })
	slow := time.AfterFunc(slowStart, once)
	return func() {
		slow.Stop()
		once()
	}
}
