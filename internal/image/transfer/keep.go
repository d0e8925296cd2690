package transfer

import (
	"context"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// kept is how long a blob stays whose pull has not come to its end. Half a blob stays as long (containerd's
// core/metadata, ingests without a lease).
const kept = 24 * time.Hour

const keeperPrefix = "pulled-"

// keeperOf is the lease that keeps a blob until its pull is complete, also over the daemon's end.
func keeperOf(d digest.Digest) string { return keeperPrefix + d.String() }

// IsKeeper reports a lease that keeps a blob of an incomplete pull: it ends by itself.
func IsKeeper(id string) bool { return strings.HasPrefix(id, keeperPrefix) }

// keep makes the lease of a blob.
func (d *Downloads) keep(ctx context.Context, id digest.Digest) error {
	_, err := d.leases.Create(ctx, leases.WithID(keeperOf(id)), leases.WithExpiration(kept))
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Release lets go of the blobs of a pull that is complete: from now on their image keeps them.
func (d *Downloads) Release(ctx context.Context, blobs []ocispec.Descriptor) error {
	for _, b := range blobs {
		err := d.leases.Delete(ctx, leases.Lease{ID: keeperOf(b.Digest)})
		if err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// Leased reports whether a blob is in the store, and makes ctx's lease hold it if it is.
func Leased(ctx context.Context, store content.Store, d ocispec.Descriptor) (bool, error) {
	if _, err := store.Info(ctx, d.Digest); err != nil {
		if errdefs.IsNotFound(err) {
			return false, nil
		}
		return false, err
	}
	lease, _ := leases.FromContext(ctx)
	w, err := store.Writer(ctx, content.WithRef("lease-"+lease+"-"+d.Digest.String()), content.WithDescriptor(d))
	if errdefs.IsAlreadyExists(err) {
		return true, nil
	}
	if err == nil { // it has just been collected
		err = w.Close()
	}
	return false, err
}
