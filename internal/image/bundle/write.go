package bundle

import (
	"archive/tar"
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Opener opens a blob of the store.
type Opener interface {
	ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error)
}

// blockSize is what a tar is made of, and end are the two empty ones that close it (pax(1)).
const (
	blockSize = 512
	end       = 2 * blockSize
)

// Size is how many bytes an archive of these members has.
func Size(entries []Entry) (int64, error) {
	sum := int64(end)
	for _, e := range entries {
		var n counter
		if err := tar.NewWriter(&n).WriteHeader(e.Header); err != nil {
			return 0, err
		}
		sum += int64(n) + (e.Header.Size+blockSize-1)/blockSize*blockSize
	}
	return sum, nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Write writes an archive. A blob that is not as long as its entry says is an error: what was written is
// no archive then.
func Write(ctx context.Context, w io.Writer, entries []Entry, blobs Opener) error {
	tw := tar.NewWriter(w)
	buf := make([]byte, 1<<20)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := tw.WriteHeader(e.Header); err != nil {
			return err
		}
		switch {
		case e.Data != nil:
			if _, err := tw.Write(e.Data); err != nil {
				return err
			}
		case e.Blob.Digest != "":
			if err := copyBlob(ctx, tw, e.Blob, blobs, buf); err != nil {
				return fmt.Errorf("%s: %w", e.Blob.Digest, err)
			}
		}
	}
	return tw.Close()
}

func copyBlob(ctx context.Context, w io.Writer, d ocispec.Descriptor, blobs Opener, buf []byte) error {
	ra, err := blobs.ReaderAt(ctx, d)
	if err != nil {
		return err
	}
	defer ra.Close()
	for at := int64(0); at < d.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := ra.ReadAt(buf[:min(int64(len(buf)), d.Size-at)], at)
		if n == 0 && err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
