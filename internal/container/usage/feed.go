package usage

import (
	"sync"
	"time"
)

// Pair is a sample and the one before it, which is zero for the first.
type Pair struct{ Before, Now Sample }

// Measure measures one container. With an error the container counts as one that
// does not run: it may have ended just then.
type Measure func() (Sample, error)

// Feeds measures containers for those who look. Each has a feed of its own while it is watched: one that the
// kernel does not answer about keeps nobody else waiting.
type Feeds struct {
	interval time.Duration
	mu       sync.Mutex
	byID     map[string]*feed
}

// NewFeeds returns feeds that measure once in an interval.
func NewFeeds(interval time.Duration) *Feeds {
	return &Feeds{interval: interval, byID: map[string]*feed{}}
}

// feed is one container that is watched. Its fields are guarded by Feeds.mu.
type feed struct {
	id       string
	watchers map[*Watch]struct{}
	last     Pair
	any      bool          // last has been measured
	left     chan struct{} // told that the last watcher has left; holds one word
}

// Watch is one who looks.
type Watch struct {
	feeds *Feeds
	feed  *feed
	next  chan Pair // holds the newest
}

// Watch begins to watch a container. All watchers of one must bring the same measure. Who comes
// later than others gets what was measured last at once.
func (f *Feeds) Watch(id string, measure Measure) *Watch {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.byID[id]
	if d == nil {
		d = &feed{id: id, watchers: map[*Watch]struct{}{}, left: make(chan struct{}, 1)}
		f.byID[id] = d
		go f.run(d, measure)
	}
	w := &Watch{feeds: f, feed: d, next: make(chan Pair, 1)}
	if d.any {
		w.next <- d.last
	}
	d.watchers[w] = struct{}{}
	return w
}

// Next is where the newest pair arrives. A slow reader misses those in between.
func (w *Watch) Next() <-chan Pair { return w.next }

// Leave ends the watch; the last one to leave ends the measuring.
func (w *Watch) Leave() {
	w.feeds.mu.Lock()
	defer w.feeds.mu.Unlock()
	delete(w.feed.watchers, w)
	if len(w.feed.watchers) == 0 {
		select {
		case w.feed.left <- struct{}{}:
		default: // it has been told
		}
	}
}

// run measures until nobody is left. While the kernel does not answer, those who come and go share the
// one that waits for it.
func (f *Feeds) run(d *feed, measure Measure) {
	t := time.NewTicker(f.interval)
	defer t.Stop()
	for {
		now, err := measure()
		if err != nil {
			now = Sample{}
		}
		f.publish(d, now)
		for waiting := true; waiting; {
			select {
			case <-t.C:
				waiting = false
			case <-d.left:
				if f.retire(d) {
					return
				}
			}
		}
	}
}

// retire ends a feed that nobody watches.
func (f *Feeds) retire(d *feed) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(d.watchers) > 0 {
		return false
	}
	delete(f.byID, d.id)
	return true
}

func (f *Feeds) publish(d *feed, now Sample) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.last, d.any = Pair{Before: d.last.Now, Now: now}, true
	for w := range d.watchers {
		select {
		case <-w.next: // nobody else puts anything in: we hold the lock
		default:
		}
		w.next <- d.last
	}
}

// Watched counts the containers that are being watched.
func (f *Feeds) Watched() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, d := range f.byID {
		if len(d.watchers) > 0 {
			n++
		}
	}
	return n
}
