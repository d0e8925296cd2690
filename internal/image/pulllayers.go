package image

import (
	"context"
	"errors"
	"sync/atomic"

	"berth/internal/image/transfer"
	"berth/internal/image/tree"
	"berth/internal/image/unpack"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// layers fetches and unpacks the layers of an image, all at once, and returns the topmost snapshot. ctx has no lease.
func (p *pull) layers(ctx context.Context, c *change, m transfer.Chosen) (string, error) {
	chains := tree.ChainIDs(m.Config.RootFS.DiffIDs)
	if err := c.leaseSnapshots(chains); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unpacking := *c
	var g errgroup.Group
	var first atomic.Pointer[error] // of the downloads
	unpacking.ctx = leases.WithLease(ctx, c.lease.ID)
	layers := make([]unpack.Layer, len(chains))
	for i, desc := range m.Manifest.Layers {
		bar := transfer.NewBar(desc.Digest, desc.Size, p.tell)
		stream := transfer.NewStream(c.packed(desc))
		there, err := p.have(c, desc, chains[i])
		if err != nil {
			cancel()
			return "", errors.Join(err, g.Wait())
		}
		layers[i] = unpack.Layer{Digest: desc.Digest, DiffID: m.Config.RootFS.DiffIDs[i], Name: chains[i], Open: transfer.Counted(stream.Open, bar)}
		if there {
			if !p.known {
				bar.Say("Already exists")
			}
			layers[i].Open = c.packed(desc)
			continue
		}
		bar.Say("Pulling fs layer")
		layers[i].Done = func() { bar.Say("Pull complete") }
		g.Go(func() error {
			err := p.downloads.Fetch(ctx, transfer.Blob{Desc: desc, From: p.from, Lease: c.lease.ID, Bar: bar, Stream: stream})
			if err != nil && ctx.Err() == nil { // else it was broken off, for another reason
				first.CompareAndSwap(nil, &err)
			}
			stream.Finish(err)
			if err != nil {
				cancel() // what has arrived of others stays
			}
			return err
		})
	}
	top, err := unpacking.unpackChain(layers)
	if err != nil {
		cancel()
	}
	fetched := g.Wait()
	if told := first.Load(); told != nil {
		return "", *told // not what unpacking says of it
	}
	return top, errors.Join(err, fetched)
}

// have reports that a layer is in the store, packed and unpacked. The names of the chain are leased.
func (p *pull) have(c *change, d ocispec.Descriptor, chain string) (bool, error) {
	if _, err := p.s.sn.Stat(c.ctx, chain); err != nil {
		if errdefs.IsNotFound(err) {
			err = nil
		}
		return false, err
	}
	return transfer.Leased(c.ctx, p.s.content, d)
}

// settle notes where the blobs of a complete pull came from, and lets the image alone keep them.
func (p *pull) settle(ctx context.Context, blobs []ocispec.Descriptor) error {
	return p.s.db.Update(func(tx *bolt.Tx) error {
		ctx := boltutil.WithTransaction(ctx, tx)
		for _, b := range blobs {
			if err := transfer.AddSource(ctx, p.s.content, b.Digest, p.ref); err != nil {
				return err
			}
		}
		return p.downloads.Release(ctx, blobs)
	})
}
