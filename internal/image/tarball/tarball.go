// Package tarball reads image archives, docker save's forms and OCI layouts, into a content store.
package tarball

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/unpack"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

const (
	// jsonLimit is the most that one JSON document of an archive may take.
	jsonLimit = 20 << 20
	// entryLimit is the most entries that an archive may have; a large save
	// has some thousands.
	entryLimit = 100_000
)

// Archive is what an image archive holds, its blobs already in the content
// store under the change's lease.
type Archive struct {
	layout, index, manifest []byte                        // oci-layout, index.json, manifest.json
	blobs                   map[string]ocispec.Descriptor // by cleaned path: digest and size
	links                   map[string]string             // symbolic links, both sides cleaned
	commits                 errgroup.Group                // of blobs: the disk writes one while the next is read
}

// commitSlots is how many blobs the disk may owe us.
const commitSlots = 4

// Read reads an image archive to its end: docker save's forms and OCI
// layouts, in whatever order the entries come.
func Read(ctx context.Context, store content.Store, r io.Reader) (*Archive, error) {
	a := &Archive{blobs: map[string]ocispec.Descriptor{}, links: map[string]string{}}
	a.commits.SetLimit(commitSlots)
	err := a.read(ctx, store, r)
	if late := a.commits.Wait(); err == nil {
		err = late
	}
	return a, err
}

func (a *Archive) read(ctx context.Context, store content.Store, r io.Reader) error {
	tr := tar.NewReader(r)
	for count := 0; ; count++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		hdr, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return cause.Blame(err, "invalid image archive")
		}
		if count == entryLimit {
			return fault.New(fault.Invalid, "invalid image archive: more than %d entries", entryLimit)
		}
		if err := a.entry(ctx, store, hdr, tr); err != nil {
			return cause.Blame(err, "invalid image archive: %s", fault.Quoted(hdr.Name))
		}
	}
	// Whatever follows the tar is read too: checksums of a compressed stream
	// come last.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return cause.Blame(err, "invalid image archive")
	}
	return nil
}

func (a *Archive) entry(ctx context.Context, store content.Store, hdr *tar.Header, r io.Reader) error {
	name, err := inside(hdr.Name)
	if err != nil {
		return err
	}
	switch hdr.Typeflag {
	case tar.TypeSymlink, tar.TypeLink:
		target := hdr.Linkname
		if hdr.Typeflag == tar.TypeSymlink {
			if path.IsAbs(target) {
				return fmt.Errorf("the link to %s leaves the archive", fault.Quoted(target))
			}
			target = path.Join(path.Dir(name), target)
		}
		a.links[name], err = inside(target)
		return err
	case tar.TypeReg:
	default:
		return nil // directories and what has no place in an image archive
	}
	switch name {
	case ocispec.ImageLayoutFile:
		a.layout, err = readJSON(r)
	case ocispec.ImageIndexFile:
		a.index, err = readJSON(r)
	case "manifest.json":
		a.manifest, err = readJSON(r)
	default:
		if skipped(name) {
			return nil
		}
		if _, again := a.blobs[name]; again {
			err = a.commits.Wait() // the first one of that name has to be there
		}
		if err == nil {
			a.blobs[name], err = a.ingest(ctx, store, hdr, name, r)
		}
	}
	return err
}

// skipped tells the files of old docker save archives that say nothing which
// manifest.json does not say.
func skipped(name string) bool {
	switch path.Base(name) {
	case "VERSION", "json", "repositories":
		return true
	}
	return false
}

// inside cleans a path of an archive and refuses one that leads out of it.
func inside(name string) (string, error) { return unpack.Inside(name) }

func readJSON(r io.Reader) ([]byte, error) {
	p, err := io.ReadAll(io.LimitReader(r, jsonLimit+1))
	if err != nil {
		return nil, err
	}
	if len(p) > jsonLimit {
		return nil, fmt.Errorf("larger than %d MiB", jsonLimit>>20)
	}
	return p, nil
}

// expected is the digest that the name of an OCI layout's blob promises, or "".
func expected(name string) digest.Digest {
	parts := strings.Split(name, "/")
	if len(parts) != 3 || parts[0] != ocispec.ImageBlobsDir {
		return ""
	}
	d := digest.NewDigestFromEncoded(digest.Algorithm(parts[1]), parts[2])
	if d.Validate() != nil {
		return ""
	}
	return d
}

// ingest writes one blob. A blob that is there already is not read again: its
// content was verified when it came.
func (a *Archive) ingest(ctx context.Context, store content.Store, hdr *tar.Header, name string, r io.Reader) (ocispec.Descriptor, error) {
	want := expected(name)
	desc := ocispec.Descriptor{Digest: want, Size: hdr.Size}
	opts := []content.WriterOpt{content.WithRef("load-" + leaseID(ctx) + "-" + name), content.WithDescriptor(desc)}
	w, err := store.Writer(ctx, opts...)
	if errdefs.IsAlreadyExists(err) {
		return desc, nil
	}
	if err != nil {
		return desc, err
	}
	give := func(err error) error {
		if err != nil {
			// Give the space back at once: on a full disk the database could not
			// even write that the blob is unwanted.
			w.Truncate(0)
		}
		w.Close()
		return err
	}
	if desc.Digest, err = fill(w, r, want); err != nil {
		return desc, give(err)
	}
	a.commits.Go(func() error {
		err := w.Commit(ctx, hdr.Size, desc.Digest)
		if errdefs.IsAlreadyExists(err) {
			err = nil
		}
		return cause.Blame(give(err), "invalid image archive: %s", fault.Quoted(hdr.Name))
	})
	return desc, nil
}

// fill writes what comes, and returns the digest that it has to have, or has.
func fill(w content.Writer, r io.Reader, want digest.Digest) (digest.Digest, error) {
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 512<<10)); err != nil {
		return "", err
	}
	got := w.Digest()
	if want != "" && want.Algorithm() == got.Algorithm() && want != got {
		return "", fmt.Errorf("its content has the digest %s", got)
	}
	if want == "" {
		want = got
	}
	return want, nil
}

// leaseID is the lease that ctx carries; it keeps the names of concurrent
// writes apart.
func leaseID(ctx context.Context) string {
	id, _ := leases.FromContext(ctx)
	return id
}
