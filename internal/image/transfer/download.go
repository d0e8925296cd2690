package transfer

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Source is where blobs come from. got is where the body begins: at offset, or at 0.
type Source interface {
	Blob(ctx context.Context, d ocispec.Descriptor, offset int64) (body io.ReadCloser, got int64, err error)
}

// Limits are how many transfers there may be at once, and how often one that gets no further is tried.
type Limits struct {
	Downloads, Uploads int
	Attempts           int
	Pause              time.Duration // before the second attempt; it doubles
}

// Downloads brings blobs into a content store. Each is fetched once, however many want it.
type Downloads struct {
	store  content.Store
	leases leases.Manager
	limits Limits
	slots  chan struct{}

	mu      sync.Mutex
	flights map[digest.Digest]*flight
}

// flight is a blob on its way.
type flight struct {
	landed chan struct{}
	err    error // read after landed
}

// NewDownloads returns the downloads into a store.
func NewDownloads(store content.Store, manager leases.Manager, limits Limits) *Downloads {
	return &Downloads{store: store, leases: manager, limits: limits, slots: make(chan struct{}, max(limits.Downloads, 1)), flights: map[digest.Digest]*flight{}}
}

// Blob is a blob that is wanted.
type Blob struct {
	Desc   ocispec.Descriptor
	From   Source
	Lease  string  // holds it then
	Bar    *Bar    // hears how far it is
	Stream *Stream // is given what arrives
}

// Fetch returns when the blob is in the store, verified and leased, also when others fetch it already. ctx carries no lease.
// The caller then has to finish the stream.
func (d *Downloads) Fetch(ctx context.Context, b Blob) error {
	if err := b.Desc.Digest.Validate(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	for {
		f, own := d.join(b.Desc.Digest)
		if own {
			f.err = d.fly(ctx, b)
			d.mu.Lock()
			delete(d.flights, b.Desc.Digest)
			d.mu.Unlock()
			close(f.landed)
			return f.err
		}
		b.Stream.detach()
		b.Bar.Say("Waiting")
		select {
		case <-f.landed: // it is there, and only has to be leased; or it is tried again by one who wants it still
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *Downloads) join(id digest.Digest) (f *flight, own bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.flights[id]; f != nil {
		return f, false
	}
	f = &flight{landed: make(chan struct{})}
	d.flights[id] = f
	return f, true
}

// fly fetches a blob.
func (d *Downloads) fly(ctx context.Context, b Blob) error {
	select {
	case d.slots <- struct{}{}:
	default:
		b.Bar.Say("Waiting")
		select {
		case d.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-d.slots }()
	if there, err := Leased(leases.WithLease(ctx, b.Lease), d.store, b.Desc); there || err != nil {
		if there {
			b.Bar.Say(complete)
		}
		return err
	}
	// What is written belongs to nobody, so that it stays for a day if the download breaks off.
	w, err := d.store.Writer(ctx, content.WithRef("pull-"+b.Desc.Digest.String()), content.WithDescriptor(b.Desc))
	if err != nil {
		return err
	}
	defer w.Close()
	if err := d.fill(ctx, w, b); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = errors.Join(err, w.Truncate(0)) // what others need more than the next attempt
		}
		return err
	}
	if err := d.keep(ctx, b.Desc.Digest); err != nil {
		return err
	}
	err = w.Commit(leases.WithLease(ctx, keeperOf(b.Desc.Digest)), b.Desc.Size, b.Desc.Digest)
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return err
	}
	if there, err := Leased(leases.WithLease(ctx, b.Lease), d.store, b.Desc); !there || err != nil {
		return errors.Join(err, fault.New(fault.Internal, "blob %s has gone from the store", b.Desc.Digest))
	}
	b.Bar.Say(complete)
	return nil
}

// fill brings the rest of a blob, in as many attempts as it takes: one that gets further is none that failed.
func (d *Downloads) fill(ctx context.Context, w content.Writer, b Blob) error {
	status, err := w.Status()
	if err != nil {
		return err
	}
	at := status.Offset
	if at > 0 {
		b.Stream.detach()
	}
	for attempt, best := 1, at; ; attempt++ {
		at, err = d.some(ctx, w, b, at)
		if err == nil {
			b.Bar.Say("Verifying Checksum")
			if w.Digest() == b.Desc.Digest {
				return nil
			}
			err = &bodyError{fault.New(fault.Internal, "filesystem layer verification failed for digest %s", b.Desc.Digest)}
			b.Stream.detach()
			at = 0
			if err := w.Truncate(0); err != nil {
				return err
			}
		}
		var body *bodyError
		if ctx.Err() != nil || !errors.As(err, &body) {
			return err // requests have been tried often enough, and a disk's errors stay
		}
		if at > best {
			best, attempt = at, 1
		}
		if attempt >= d.limits.Attempts {
			return err
		}
		select {
		case <-time.After(d.limits.Pause << min(attempt-1, 6)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bodyError is wrong with a body: the next one may be better.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// some copies what one request brings, and returns how far the blob is.
func (d *Downloads) some(ctx context.Context, w content.Writer, b Blob, at int64) (int64, error) {
	if at > b.Desc.Size {
		if err := w.Truncate(0); err != nil {
			return at, err
		}
		at = 0
	}
	if at == b.Desc.Size && at > 0 {
		return at, nil
	}
	body, got, err := b.From.Blob(ctx, b.Desc, at)
	if err != nil {
		return at, err
	}
	defer body.Close()
	if got != at {
		b.Stream.detach()
		if err := w.Truncate(0); err != nil {
			return at, err
		}
		at = 0
	}
	chunk := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(body, chunk[:min(int64(chunkSize), b.Desc.Size-at+1)])
		if at+int64(n) > b.Desc.Size {
			return 0, tooLong(b, w)
		}
		if n > 0 {
			if _, err := w.Write(chunk[:n]); err != nil {
				return at, err
			}
			at += int64(n)
			chunk = b.Stream.give(ctx, chunk[:n])
			chunk = chunk[:chunkSize]
			b.Bar.Moved("Downloading", at)
		}
		switch {
		case err == nil && ctx.Err() == nil:
		case at == b.Desc.Size && (err == io.EOF || err == io.ErrUnexpectedEOF):
			return at, nil
		case ctx.Err() != nil:
			return at, ctx.Err()
		case err == io.EOF:
			return at, &bodyError{fault.New(fault.Unavailable, "the registry has sent only %d of %d bytes of blob %s", at, b.Desc.Size, b.Desc.Digest)}
		default:
			return at, &bodyError{fault.Wrap(fault.Unavailable, err, "blob %s broke off after %d of %d bytes", b.Desc.Digest, at, b.Desc.Size)}
		}
	}
}

func tooLong(b Blob, w content.Writer) error {
	b.Stream.detach()
	if err := w.Truncate(0); err != nil {
		return err
	}
	return &bodyError{fault.New(fault.Internal, "filesystem layer verification failed for digest %s: it is longer than the %d bytes of its manifest", b.Desc.Digest, b.Desc.Size)}
}
