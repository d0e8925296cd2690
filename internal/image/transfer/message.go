// Package transfer brings blobs from a registry into the content store and the other way, and tells how far it is.
// What breaks off goes on later where it stopped, in this process or the next one.
package transfer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
)

// Message is a line of progress, in Docker's words.
type Message struct {
	ID             string // what it is about: a tag, or the beginning of a layer's digest
	Status         string
	Layer          bool  // it is about a layer: a bar is drawn for it
	Current, Total int64 // bytes, when the status is one that takes a while
	Aux            any   // for programs; alone in its message
}

// Tell hears messages; it may be called from several goroutines.
type Tell func(Message)

// interval is how often a transfer tells how far it is.
const interval = 100 * time.Millisecond

// Bar tells how far one layer is.
type Bar struct {
	ID    string
	Total int64
	tell  Tell

	mu      sync.Mutex
	last    time.Time
	arrived atomic.Bool
}

// NewBar returns the bar of a layer.
func NewBar(d digest.Digest, total int64, tell Tell) *Bar {
	return &Bar{ID: Short(d), Total: total, tell: tell}
}

// complete says that a layer has arrived.
const complete = "Download complete"

// Arrived reports that the layer has arrived.
func (b *Bar) Arrived() bool { return b.arrived.Load() }

// Say tells a status.
func (b *Bar) Say(status string) {
	b.tell(Message{ID: b.ID, Status: status, Layer: true})
	if status == complete {
		b.arrived.Store(true)
	}
}

// Moved tells how far a status is, now and then.
func (b *Bar) Moved(status string, current int64) {
	b.mu.Lock()
	now := time.Now()
	due := now.Sub(b.last) >= interval || current == b.Total
	if due {
		b.last = now
	}
	b.mu.Unlock()
	if due {
		b.tell(Message{ID: b.ID, Status: status, Layer: true, Current: current, Total: b.Total})
	}
}

// Short is the beginning of a digest by which a layer is known on a screen.
func Short(d digest.Digest) string {
	hex := d.Encoded()
	return hex[:min(12, len(hex))]
}
