package image

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"berth/internal/archive/compression"
	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/containerd/v2/core/mount"
	ctrarchive "github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
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
	chains := chainIDs(diffIDs)
	if err := c.leaseSnapshots(chains); err != nil {
		return "", err
	}
	parent, made := "", false
	for i, chain := range chains {
		_, err := c.s.sn.Stat(c.ctx, chain)
		if errdefs.IsNotFound(err) {
			err = c.unpackLayer(m.Layers[i], diffIDs[i], parent, chain)
			made = true
		}
		if err != nil {
			return "", err
		}
		parent = chain
	}
	if made {
		return parent, syncTree(filepath.Join(c.s.root, "snapshots"))
	}
	return parent, nil
}

// chainIDs are the snapshots' names: image-spec config.md, "Layer ChainID".
func chainIDs(diffIDs []digest.Digest) []string {
	names := make([]string, len(diffIDs))
	for i, d := range identity.ChainIDs(append([]digest.Digest(nil), diffIDs...)) {
		names[i] = d.String()
	}
	return names
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

func (c *change) unpackLayer(layer ocispec.Descriptor, diffID digest.Digest, parent, chain string) error {
	key := "unpack-" + rand.Text() + "-" + chain
	mounts, err := c.s.sn.Prepare(c.ctx, key, parent)
	if err != nil {
		return err
	}
	upper, parents, err := directories(mounts)
	if err != nil {
		return err
	}
	if err := c.extract(layer, diffID, upper, parents); err != nil {
		// Give the space back at once, see ingest; the collection at the
		// change's end takes the rest. It would leave the parent with a child
		// that is not there.
		empty(upper)
		_ = c.s.sn.Remove(context.WithoutCancel(c.ctx), key)
		return blame(err, "failed to extract layer %s", layer.Digest)
	}
	err = c.s.sn.Commit(c.ctx, chain, key)
	if errdefs.IsAlreadyExists(err) { // another load was faster
		return c.s.sn.Remove(c.ctx, key)
	}
	return err
}

// directories reads where a layer is written, and its parents' directories,
// nearest first, out of the mounts of a prepared snapshot.
func directories(mounts []mount.Mount) (upper string, parents []string, err error) {
	if len(mounts) != 1 {
		return "", nil, fmt.Errorf("a snapshot with %d mounts", len(mounts))
	}
	m := mounts[0]
	if m.Type == "bind" {
		return m.Source, nil, nil
	}
	for _, o := range m.Options {
		if v, ok := strings.CutPrefix(o, "upperdir="); ok {
			upper = v
		} else if v, ok := strings.CutPrefix(o, "lowerdir="); ok {
			parents = strings.Split(v, ":")
		}
	}
	if upper == "" {
		return "", nil, fmt.Errorf("a snapshot of type %s without an upper directory", m.Type)
	}
	return upper, parents, nil
}

// extract writes a layer's files into upper, and checks that it is the layer
// which the image's configuration names.
func (c *change) extract(layer ocispec.Descriptor, diffID digest.Digest, upper string, parents []string) error {
	ra, err := c.s.content.ReaderAt(c.ctx, layer)
	if err != nil {
		return err
	}
	defer ra.Close()
	z, _, err := compression.Decompress(content.NewReader(ra))
	if err != nil {
		return err
	}
	defer z.Close()
	digester := digest.Canonical.Digester()
	if diffID.Algorithm().Available() {
		digester = diffID.Algorithm().Digester()
	}
	ahead := compression.NewReadAhead(io.TeeReader(z, digester.Hash()))
	err = applyTar(c.ctx, ahead, upper, parents)
	if err == nil {
		_, err = io.Copy(io.Discard, ahead) // what pads the tar belongs to the digest
	}
	ahead.Close()
	if err == nil && digester.Digest() != diffID {
		err = fmt.Errorf("wrong diff id calculated on extraction %q", digester.Digest())
	}
	return err
}

// applyTar extracts one layer. containerd's Apply resolves every path within
// upper, whatever links and ".." it holds; names that want out are refused
// rather than bent, since no honest tool writes them.
func applyTar(ctx context.Context, r io.Reader, upper string, parents []string) error {
	filter := func(h *tar.Header) (bool, error) {
		if _, err := inside(h.Name); err != nil {
			return false, err
		}
		if h.Typeflag == tar.TypeLink {
			if _, err := inside(h.Linkname); err != nil {
				return false, err
			}
		}
		return true, nil
	}
	_, err := ctrarchive.Apply(ctx, upper, r, ctrarchive.WithFilter(filter), ctrarchive.WithParents(parents),
		ctrarchive.WithConvertWhiteout(ctrarchive.OverlayConvertWhiteout))
	return err
}

func empty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}

// syncTree makes what was unpacked survive a loss of power, before any record
// says that the image is there: syncfs(2) on the layers' file system.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
}
