package transfer

import (
	"context"
	"io"

	"berth/internal/image/outgoing"
	"berth/internal/remote"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// Destination is where blobs go.
type Destination interface {
	Has(ctx context.Context, d ocispec.Descriptor) (bool, error)
	Upload(ctx context.Context, u remote.Upload) (from string, err error)
}

// Uploads sends blobs to a registry.
type Uploads struct {
	To    Destination
	Slots chan struct{} // of all pushes, one for each upload at once
	Tell  Tell
	Open  func(d ocispec.Descriptor, offset int64) (io.ReadCloser, error)
	Known func(d ocispec.Descriptor) []string // other repositories that may have it
	Note  func(d ocispec.Descriptor) *outgoing.Note
}

// Send sends what the registry does not have, and tells of what isLayer says is one.
func (u Uploads) Send(ctx context.Context, blobs []ocispec.Descriptor, isLayer func(mediaType string) bool) error {
	g, ctx := errgroup.WithContext(ctx)
	bars := make([]*Bar, len(blobs))
	for i, d := range blobs {
		tell := u.Tell
		if !isLayer(d.MediaType) {
			tell = func(Message) {}
		}
		bars[i] = NewBar(d.Digest, d.Size, tell)
		bars[i].Say("Preparing")
	}
	for i, d := range blobs {
		g.Go(func() error { return u.send(ctx, d, bars[i]) })
	}
	return g.Wait()
}

func (u Uploads) send(ctx context.Context, d ocispec.Descriptor, bar *Bar) error {
	select {
	case u.Slots <- struct{}{}:
	default:
		bar.Say("Waiting")
		select {
		case u.Slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-u.Slots }()
	has, err := u.To.Has(ctx, d)
	if err != nil {
		return err
	}
	if has {
		bar.Say("Layer already exists")
		return nil
	}
	note := u.Note(d)
	defer note.End()
	from, err := u.To.Upload(ctx, remote.Upload{Blob: d, From: u.Known(d), At: note.Where(), Left: note.Put, Open: func(offset int64) (io.ReadCloser, error) {
		r, err := u.Open(d, offset)
		if err != nil {
			return nil, err
		}
		return &sending{ReadCloser: r, bar: bar, at: offset}, nil
	}})
	switch {
	case err != nil:
		return err
	case from != "":
		bar.Say("Mounted from " + from)
	default:
		bar.Say("Pushed")
	}
	return nil
}

// sending is a blob that is being sent.
type sending struct {
	io.ReadCloser
	bar *Bar
	at  int64
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if s.at += int64(n); n > 0 {
		s.bar.Moved("Pushing", s.at)
	}
	return n, err
}
