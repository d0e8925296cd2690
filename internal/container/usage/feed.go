package usage

import (
	"context"
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
	watchers map[*Watch]struct{}
	last     Pair
	any      bool // last has been measured
	stop     context.CancelFunc
}

// Watch is one who looks.
type Watch struct {
	feeds *Feeds
	id    string
	next  chan Pair // holds the newest
}

// Watch begins to watch a container. All watchers of one must bring the same measure. Who comes
// later than others gets what was measured last at once.
func (f *Feeds) Watch(id string, measure Measure) *Watch {
	w := &Watch{feeds: f, id: id, next: make(chan Pair, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.byID[id]
	if d == nil {
		ctx, cancel := context.WithCancel(context.Background())
		d = &feed{watchers: map[*Watch]struct{}{}, stop: cancel}
		f.byID[id] = d
		go f.run(ctx, d, measure)
	}
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
	d := w.feeds.byID[w.id]
	if d == nil {
		return
	}
	if _, mine := d.watchers[w]; !mine {
		return // left before, and others began a new feed
	}
	delete(d.watchers, w)
	if len(d.watchers) == 0 {
		d.stop()
		delete(w.feeds.byID, w.id)
	}
}

// run measures until nobody is left.
func (f *Feeds) run(ctx context.Context, d *feed, measure Measure) {
	t := time.NewTicker(f.interval)
	defer t.Stop()
	for {
		now, err := measure()
		if err != nil {
			now = Sample{}
		}
		f.publish(d, now)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
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

// Watched counts the containers that are being measured.
func (f *Feeds) Watched() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byID)
}
