package event

import (
	"errors"
	"io"
	"sync"
	"time"
)

// FileLimit is how many bytes of events are kept: some 40,000 events.
const FileLimit = 16 << 20

// recent is how many events are in memory for those who listen: who falls behind
// by more is let go.
const recent = 1024

// Log is where events are published.
type Log struct {
	mu    sync.Mutex // guards what follows
	store *store
	last  int64             // time of the last event
	next  uint64            // number of the next event
	ring  [recent]Message   // the event with number n is at n % recent
	heard map[*Listener]any // who listens
	warn  func(format string, args ...any)
}

// Open opens the log in dir, or makes it. warn is called when the disk takes no
// events, once each time.
func Open(dir string, warn func(format string, args ...any)) (*Log, error) {
	return open(dir, FileLimit/2, warn)
}

func open(dir string, limit int64, warn func(format string, args ...any)) (*Log, error) {
	s, err := openStore(dir, limit)
	if err != nil {
		return nil, err
	}
	return &Log{store: s, last: s.last(), heard: map[*Listener]any{}, warn: warn}, nil
}

// Close ends all listening. The log cannot be used afterwards.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.heard {
		h.cut = true
		h.poke()
	}
	return l.store.close()
}

// Publish gives the event its time, keeps it and tells everyone who listens. It
// waits for no listener, and for the disk only when the kernel makes every writer wait.
func (l *Log) Publish(m Message) {
	if m.Scope == "" {
		m.Scope = "local"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = stamp(time.Now().UnixNano(), l.last)
	m.Time = time.Unix(0, l.last).UTC()
	if err := l.store.add(encode(&m)); err != nil {
		l.warn("events cannot be kept for now: %v", err)
	}
	l.ring[l.next%recent] = m
	l.next++
	for h := range l.heard {
		h.poke()
	}
}

// stamp returns the time of an event: no two have the same, and they rise. A clock
// that was set back by more than a moment is believed.
func stamp(now, last int64) int64 {
	if now <= last && last-now < int64(time.Second) {
		return last + 1
	}
	return now
}

// Last is when the latest event was published; zero when there is none.
func (l *Log) Last() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == 0 {
		return time.Time{}
	}
	return time.Unix(0, l.last).UTC()
}

// Listeners is how many listen.
func (l *Log) Listeners() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard)
}

// Find calls f for every kept event since a time whose line holds each of words,
// the oldest first, until f returns false. Words are a coarse and fast choice, such as an ID:
// they may stand anywhere in the event.
func (l *Log) Find(since time.Time, f func(Message) bool, words ...string) error {
	l.mu.Lock()
	r, err := l.store.kept()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		m, err := r.next(between(since, time.Time{}), words...)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !f(m):
			return nil
		}
	}
}
