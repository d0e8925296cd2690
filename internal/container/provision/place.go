package provision

import (
	"context"
	"time"

	"berth/internal/container/record"
	"berth/internal/fault"
)

// shortage is how long a container waits for an address that a sandbox is about to
// have, or to give back: longer than either takes.
const shortage = 250 * time.Millisecond

// connect gives a container its endpoint on the bridge: in its sandbox's place, or
// else in that of the sandbox that has waited longest. So addresses are given
// out in the order of the starts, as without sandboxes, and none is short because
// sandboxes wait on it.
func (w Warmth) connect(ctx context.Context, c record.Container, wish Wish, box *sandbox) (*Connection, error) {
	if box != nil {
		return w.connectAt(ctx, c, wish, box)
	}
	conn, err := w.connectAt(ctx, c, wish, w.spare(false))
	for end := time.Now().Add(shortage); fault.Is(err, fault.Unavailable) && w.deps.Warm > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		// No address is free: what waits for a container that may never be started gives its up.
		conn, err = w.connectAt(ctx, c, wish, w.spare(true))
	}
	return conn, err
}

// connectAt connects a container in the place of a sandbox, or with nil in any. A
// sandbox that was not the container's is dropped.
func (w Warmth) connectAt(ctx context.Context, c record.Container, wish Wish, b *sandbox) (*Connection, error) {
	if b == nil {
		return w.deps.Networks.Connect(ctx, c, wish)
	}
	wish.At = b.place
	conn, err := w.deps.Networks.Connect(ctx, c, wish)
	if err == nil {
		b.place = nil // the container's
	}
	if b.id != c.ID {
		w.dropLater(b)
	}
	return conn, err
}

// spare is a sandbox that waits on the bridge, or nil; with aside, it may be a
// container's that is not being started yet, which will start without it.
func (w Warmth) spare(aside bool) *sandbox {
	for {
		b, ok := w.pool.Spare("bridge", aside)
		if !ok {
			return nil
		}
		a := b.ahead.Load()
		if a == nil {
			return b
		}
		if a.ended() {
			a.p.giveBack()
			b.ahead.Store(nil)
			return b
		}
		w.dropLater(b)
	}
}

// dropLater drops a sandbox when the start that took its place is over, in whose way
// it would be.
func (w Warmth) dropLater(b *sandbox) {
	if !w.Later(func() { time.Sleep(warmBreath); w.drop(b) }) {
		w.drop(b)
	}
}
