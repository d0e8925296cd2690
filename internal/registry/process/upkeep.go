package process

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"berth/internal/registry/observe"
	"berth/internal/registry/store"
)

// upkeep does what has to be done from time to time.
type upkeep struct {
	Upkeep
	store   *store.Store
	metrics *observe.Metrics
	log     io.Writer
}

// run works until ctx ends. Something on now asks for a sweep at once.
func (u upkeep) run(ctx context.Context, now <-chan struct{}) {
	var all sync.WaitGroup
	all.Go(func() { every(ctx, min(u.UploadExpiry, time.Hour), nil, u.expire) })
	all.Go(func() { every(ctx, min(u.Untagged/4, time.Hour), nil, u.removeUntagged) })
	all.Go(func() { every(ctx, u.SweepEvery, now, u.sweep) })
	all.Go(func() { every(ctx, u.ScrubEvery, nil, u.scrub) })
	all.Wait()
}

// every calls do each time a period is over, and whenever it is asked to.
func every(ctx context.Context, period time.Duration, now <-chan struct{}, do func(context.Context)) {
	var tick <-chan time.Time
	if period > 0 {
		t := time.NewTicker(period)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-now:
		}
		do(ctx)
	}
}

func (u upkeep) expire(context.Context) {
	n, err := u.store.Expire(time.Now().Add(-u.UploadExpiry))
	u.metrics.Add("berth_registry_uploads_expired_total", "Uploads that were removed because nobody added to them.", float64(n))
	if err != nil {
		fmt.Fprintf(u.log, "remove old uploads: %v\n", err)
	}
}

func (u upkeep) removeUntagged(ctx context.Context) {
	n, err := u.store.RemoveUntagged(ctx, time.Now().Add(-u.Untagged))
	u.metrics.Add("berth_registry_untagged_removed_total", "Manifests that were removed because no tag led to them any more.", float64(n))
	if n > 0 {
		fmt.Fprintf(u.log, "%d manifests removed that no tag led to\n", n)
	}
	if err != nil {
		fmt.Fprintf(u.log, "remove untagged manifests: %v\n", err)
	}
}

func (u upkeep) sweep(ctx context.Context) {
	began := time.Now()
	swept, err := u.store.Sweep(ctx)
	u.metrics.Add("berth_registry_swept_blobs_total", "Blobs that were removed because nothing named them.", float64(swept.Blobs))
	u.metrics.Add("berth_registry_swept_bytes_total", "Bytes of those.", float64(swept.Bytes))
	if err != nil {
		fmt.Fprintf(u.log, "garbage collection stopped: %v\n", err)
		return
	}
	fmt.Fprintf(u.log, "garbage collection: %s in %s\n", words(swept), time.Since(began).Round(time.Millisecond))
}

func words(s store.Swept) string {
	return fmt.Sprintf("%d blobs of %d bytes removed, and %d links", s.Blobs, s.Bytes, s.Links)
}

func (u upkeep) scrub(ctx context.Context) {
	found, err := u.store.Scrub(ctx, u.pace())
	u.metrics.Add("berth_registry_scrubbed_bytes_total", "Bytes that were read and compared with their digests.", float64(found.Bytes))
	u.metrics.Add("berth_registry_damaged_blobs_total", "Blobs that were not what their digest says.", float64(len(found.Damaged)))
	for _, d := range found.Damaged {
		fmt.Fprintf(u.log, "%s is damaged: it is in quarantine, and a push of it mends it\n", d)
	}
	for _, d := range found.Missing {
		fmt.Fprintf(u.log, "%s is named and not there: a push of it mends it\n", d)
	}
	if err != nil {
		fmt.Fprintf(u.log, "the scrub stopped: %v\n", err)
		return
	}
	fmt.Fprintf(u.log, "scrub: %d blobs of %d bytes read, %d damaged, %d missing\n", found.Blobs, found.Bytes, len(found.Damaged), len(found.Missing))
}

// pace lets through a number of bytes a second.
func (u upkeep) pace() func(ctx context.Context, n int) error {
	if u.ScrubRate <= 0 {
		return nil
	}
	next := time.Now()
	return func(ctx context.Context, n int) error {
		wait := time.Until(next)
		next = time.Now().Add(max(wait, 0) + time.Duration(float64(n)/float64(u.ScrubRate)*float64(time.Second)))
		if wait <= 0 {
			return nil
		}
		select {
		case <-time.After(wait):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Sweep removes what nobody can reach from a directory that no registry serves.
func Sweep(ctx context.Context, o Options, out io.Writer) error {
	s, err := store.Open(o.Data, store.Options{Grace: o.Upkeep.Grace})
	if err != nil {
		return err
	}
	defer s.Close()
	swept, err := s.Sweep(ctx)
	fmt.Fprintln(out, words(swept))
	return err
}

// Scrub reads everything in a directory that no registry serves. Something
// damaged or missing is an error.
func Scrub(ctx context.Context, o Options, out io.Writer) error {
	s, err := store.Open(o.Data, store.Options{Grace: o.Upkeep.Grace})
	if err != nil {
		return err
	}
	defer s.Close()
	found, err := s.Scrub(ctx, nil)
	for _, d := range found.Damaged {
		fmt.Fprintln(out, "damaged", d)
	}
	for _, d := range found.Missing {
		fmt.Fprintln(out, "missing", d)
	}
	fmt.Fprintf(out, "%d blobs of %d bytes read, %d damaged, %d missing\n", found.Blobs, found.Bytes, len(found.Damaged), len(found.Missing))
	if err == nil && len(found.Damaged)+len(found.Missing) > 0 {
		return fmt.Errorf("not everything is as it was pushed")
	}
	return err
}
