//go:build linux

package place

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"berth/internal/fault"
	"berth/internal/remote"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// Repository is a repository of a registry.
type Repository struct {
	repo *remote.Repository
	name string
	tmp  string
}

// OpenRepository opens one, with the rights to write there if it is for that. What is read lies in files without names in
// the directory tmp.
func OpenRepository(client *remote.Client, name string, access remote.Access, who remote.Credentials, tmp string) (*Repository, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s is no repository of a registry", fault.Quoted(name))
	}
	repo, err := client.Repository(reference.TrimNamed(named), access, who)
	if err != nil {
		return nil, err
	}
	return &Repository{repo, name, tmp}, nil
}

// Close closes the connections.
func (r *Repository) Close() error {
	r.repo.Close()
	return nil
}

// Tags lists the tags; there are none in a repository that is not there yet.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	tags, err := r.repo.Tags(ctx)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return tags, err
}

// Resolve asks what a tag stands for.
func (r *Repository) Resolve(ctx context.Context, tag string) (ocispec.Descriptor, error) {
	d, err := r.repo.Resolve(ctx, tag)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "there is no backup %s in %s", fault.Quoted(tag), r.name)
	}
	return d, err
}

// Open fetches a blob. One that breaks off goes on where it stopped, for as long as that brings anything.
func (r *Repository) Open(ctx context.Context, d ocispec.Descriptor) (*os.File, error) {
	f, err := unnamed(r.tmp)
	if err != nil {
		return nil, fault.Wrap(kindOf(err), err, "what is fetched of the backup cannot be kept")
	}
	if d.MediaType == ocispec.MediaTypeImageManifest {
		err = r.manifest(ctx, d, f)
	} else {
		err = r.fetch(ctx, d, f)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (r *Repository) manifest(ctx context.Context, d ocispec.Descriptor, f *os.File) error {
	text, err := r.repo.Manifest(ctx, d)
	if err == nil {
		_, err = f.Write(text)
	}
	return err
}

// attempts is how often a blob is asked for in a row without getting anything.
const attempts = 5

func (r *Repository) fetch(ctx context.Context, d ocispec.Descriptor, f *os.File) error {
	sum := sha256.New()
	var err error
	for at, idle := int64(0), 0; at < d.Size; idle++ {
		if ctx.Err() != nil || idle == attempts {
			return fault.Wrap(fault.Unavailable, errors.Join(err, context.Cause(ctx)), "%s of the backup cannot be fetched", d.Digest)
		}
		body, from, opened := r.repo.Blob(ctx, d, at)
		if opened != nil {
			return opened // it was tried as often as it may be
		}
		if from != at {
			at = from
			sum.Reset()
			if err := f.Truncate(0); err != nil {
				return err
			}
		}
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return err
		}
		var got int64
		got, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(body, d.Size-at+1))
		body.Close()
		if full := (&os.PathError{}); errors.As(err, &full) {
			return fault.Wrap(kindOf(err), err, "%s of the backup cannot be kept", d.Digest)
		}
		if at += got; got > 0 {
			idle = 0
		}
	}
	if digest.NewDigest(digest.SHA256, sum) != d.Digest {
		return fault.New(fault.Invalid, "the backup is corrupt: %s has another content", d.Digest)
	}
	return nil
}

// unnamed is a file that is gone when it is closed.
func unnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), nil
	}
	f, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// Has reports whether a blob is there.
func (r *Repository) Has(ctx context.Context, d ocispec.Descriptor) (bool, error) {
	return r.repo.Has(ctx, d)
}

// Put sends a blob unless it is there.
func (r *Repository) Put(ctx context.Context, d ocispec.Descriptor, data []byte) (sent bool, err error) {
	if there, err := r.repo.Has(ctx, d); there || err != nil {
		return false, err
	}
	_, err = r.repo.Upload(ctx, remote.Upload{Blob: d, Open: func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data[offset:])), nil
	}})
	return true, err
}

// Tag stores a manifest.
func (r *Repository) Tag(ctx context.Context, tag string, d ocispec.Descriptor, manifest []byte) error {
	return r.repo.Put(ctx, tag, d, manifest)
}
