package image

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/transfer"
	"berth/internal/image/tree"
	"berth/internal/image/unpack"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// unpack makes the directories of an image's layers, lowest first, except those
// that are there. It returns the name of the topmost snapshot.
//
// All the names are leased before the first look, so that a layer which is
// found cannot be collected before this image refers to it.
func (c *change) unpack(m ocispec.Manifest, diffIDs []digest.Digest) (string, error) {
	if len(m.Layers) != len(diffIDs) {
		return "", fault.New(fault.Invalid, "invalid image: %d layers and %d diff IDs", len(m.Layers), len(diffIDs))
	}
	chains := tree.ChainIDs(diffIDs)
	if err := c.leaseSnapshots(chains); err != nil {
		return "", err
	}
	layers := make([]unpack.Layer, len(chains))
	for i, chain := range chains {
		layers[i] = unpack.Layer{Digest: m.Layers[i].Digest, DiffID: diffIDs[i], Name: chain, Open: c.packed(m.Layers[i])}
	}
	return c.unpackChain(layers)
}

// unpackSlots is how many layers are unpacked at once: more than there are processors, since a layer also waits for the network and the disk.
func unpackSlots() int { return max(4, min(runtime.GOMAXPROCS(0), 8)) }

// unpackChain unpacks layers whose names are leased, and returns the topmost name.
func (c *change) unpackChain(layers []unpack.Layer) (string, error) {
	made, err := unpack.Chain(c.ctx, c.s.sn, layers, unpackSlots())
	var bad *unpack.Error
	if errors.As(err, &bad) {
		return "", cause.Blame(bad.Err, "failed to extract layer %s", bad.Layer)
	}
	if err != nil || len(layers) == 0 {
		return "", err
	}
	if made {
		err = unpack.Sync(filepath.Join(c.s.root, "snapshots"))
	}
	return layers[len(layers)-1].Name, err
}

func (c *change) leaseSnapshots(names []string) error {
	return c.s.db.Update(func(tx *bolt.Tx) error {
		ctx := boltutil.WithTransaction(c.ctx, tx)
		for _, name := range names {
			r := leases.Resource{ID: name, Type: "snapshots/" + snapshotter}
			if err := c.s.leases.AddResource(ctx, c.lease, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// packed opens a layer in the content store.
func (c *change) packed(layer ocispec.Descriptor) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		return transfer.Open(ctx, c.s.content, layer, 0)
	}
}
