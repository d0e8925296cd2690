package image

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/transfer"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// cleanupTimeout bounds what has to happen even if the caller is gone.
const cleanupTimeout = 5 * time.Minute

// changeCounter keeps a marker file for as long as a change is in flight, so
// that the next start after a crash knows that it has to look for remains. The
// file need not be synced: any later durable write of the change orders it.
type changeCounter struct {
	marker string
	mu     sync.Mutex
	count  int
	dirty  bool // a collection has failed: the next start must look
}

func (c *changeCounter) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == 0 {
		f, err := os.OpenFile(c.marker, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	}
	c.count++
	return nil
}

// keep counts a change whose marker is there already.
func (c *changeCounter) keep() {
	c.mu.Lock()
	c.count++
	c.mu.Unlock()
}

func (c *changeCounter) done(clean bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count--
	c.dirty = c.dirty || !clean
	if c.count == 0 && !c.dirty {
		os.Remove(c.marker)
	}
}

// change is a change of the store in flight. What it writes belongs to its
// lease, so that no collection takes it, until records refer to it.
type change struct {
	s     *Service
	ctx   context.Context // the caller's, with namespace and lease
	lease leases.Lease
}

// begin starts a change; its end must be called.
func (s *Service) begin(ctx context.Context) (*change, error) {
	select {
	case <-s.recovered:
	case <-ctx.Done():
		return nil, fault.As(fault.Cancelled, ctx.Err())
	}
	if s.recovery != nil {
		return nil, fault.Wrap(fault.Unavailable, s.recovery, "the image store could not be cleaned after a crash")
	}
	if err := s.changes.start(); err != nil {
		return nil, cause.Classify(err)
	}
	ctx = scoped(ctx)
	lease, err := s.leases.Create(ctx, leases.WithID(rand.Text()))
	if err != nil {
		s.changes.done(true)
		return nil, cause.Classify(err)
	}
	return &change{s: s, ctx: leases.WithLease(ctx, lease.ID), lease: lease}, nil
}

// end gives up the lease and collects what nothing refers to: after a failure
// all that the change has made, after a success what an archive held too much.
func (c *change) end() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), cleanupTimeout)
	defer cancel()
	err := c.s.leases.Delete(ctx, c.lease)
	if err == nil {
		err = c.s.collect(ctx)
	}
	c.s.changes.done(err == nil)
	return fault.Wrap(fault.Internal, err, "collect what the images no longer need")
}

// collect has what nothing refers to collected, alone. containerd's collector wants its content store's lock to itself
// while writers of content hold it and wait for the database; a change of records holds the
// database and wants the content store's: with two collections beside those, each would wait for the other for ever.
func (s *Service) collect(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.db.GarbageCollect(ctx)
	return err
}

// recover removes the leases of a process that was killed, and what they held.
func (s *Service) recover(ctx context.Context) error {
	err := s.recoverLeases(ctx)
	s.changes.done(err == nil)
	return err
}

func (s *stores) recoverLeases(ctx context.Context) error {
	left, err := s.leases.List(ctx)
	if err != nil {
		return err
	}
	for _, l := range left {
		if transfer.IsKeeper(l.ID) {
			continue // the pull will be tried again
		}
		if err := s.leases.Delete(ctx, l); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	// The database compares itself with blobs and directories only after
	// something of that kind was removed through it: remove a token of each.
	if err := s.touchContent(ctx); err != nil {
		return err
	}
	if _, err := s.sn.Prepare(ctx, "recover-"+rand.Text(), ""); err != nil {
		return err
	}
	_, err = s.db.GarbageCollect(ctx)
	return err
}

func (s *stores) touchContent(ctx context.Context) error {
	token := []byte(rand.Text())
	desc := ocispec.Descriptor{Digest: digest.FromBytes(token), Size: int64(len(token))}
	if err := content.WriteBlob(ctx, s.content, "recover-"+string(token), bytes.NewReader(token), desc); err != nil {
		return err
	}
	return s.content.Delete(ctx, desc.Digest)
}

// finish ends c after a verb that failed with err or not, and returns the
// verb's error; a failed clean-up is told only when the verb itself went well.
func (c *change) finish(err error) error {
	ended := c.end()
	if err != nil {
		return cause.Classify(err)
	}
	return ended
}
