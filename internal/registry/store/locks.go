package store

import (
	"hash/maphash"
	"sync"
	"time"
)

// stripes are locks by name: names share them by their hash, which costs a wait
// now and then and never memory.
type stripes struct {
	once sync.Once
	seed maphash.Seed
	of   [128]sync.RWMutex
}

func (s *stripes) get(name string) *sync.RWMutex {
	s.once.Do(func() { s.seed = maphash.MakeSeed() })
	return &s.of[maphash.String(s.seed, name)%uint64(len(s.of))]
}

// leases are promises that something stays: a client that was told that a blob
// is there will not send it, and names it in a manifest some time later. They
// are counted by a clock that nobody sets; the times of files stand for them
// after a restart.
type leases struct {
	mu    sync.Mutex
	until map[string]time.Time
	// touched is what got a link since a sweep began; nil while there is none.
	touched map[string]bool
}

// renew promises, and reports whether the promise before it was more than half gone.
func (l *leases) renew(key string, grace time.Duration) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	old, ok := l.until[key]
	l.until[key] = now.Add(grace)
	return !ok || old.Sub(now) < grace/2
}

func (l *leases) held(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until[key])
}

// touch says that content has got a link. Whoever calls it holds the digest's lock.
func (l *leases) touch(digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.touched != nil {
		l.touched[digest] = true
	}
}

func (l *leases) wasTouched(digest string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.touched[digest]
}

// begin starts to note what is touched, and forgets the promises that have ended.
func (l *leases) begin() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched = map[string]bool{}
	for key, until := range l.until {
		if now.After(until) {
			delete(l.until, key)
		}
	}
}

func (l *leases) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched = nil
}
