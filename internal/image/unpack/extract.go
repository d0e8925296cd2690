package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"berth/internal/archive/compression"
	"berth/internal/fault"

	ctrarchive "github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/continuity/fs"
	"github.com/opencontainers/go-digest"
)

func quoted(words string) string { return fault.Quoted(words) }

// errNeedsLower says that a layer cannot be extracted without those below it.
var errNeedsLower = errors.New("the layer has files in directories of the layers below it")

// extract writes a layer's files into its directory, and checks that it is the layer which the image's
// configuration names. The layers below are looked at only when they are complete.
func (j *job) extract(ctx context.Context, complete bool) (live bool, err error) {
	packed, err := j.Open(ctx)
	if err != nil {
		return false, err
	}
	defer packed.Close()
	if l, ok := packed.(interface{ Live() bool }); ok {
		live = l.Live()
	}
	z, _, err := compression.Decompress(packed)
	if err != nil {
		return live, err
	}
	defer z.Close()
	digester := digest.Canonical.Digester()
	if j.DiffID.Algorithm().Available() {
		digester = j.DiffID.Algorithm().Digester()
	}
	ahead := compression.NewReadAhead(io.TeeReader(z, digester.Hash()))
	lower := j.lower
	if !complete && len(lower) > 0 {
		err = apply(ctx, ahead, j.upper, nil, seen{".": {}})
	} else {
		err = apply(ctx, ahead, j.upper, lower, nil)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, ahead) // what pads the tar belongs to the digest
	}
	ahead.Close()
	if err == nil {
		_, err = io.Copy(io.Discard, packed) // and what follows a compressed stream to the blob, which may still be coming
	}
	if err == nil && digester.Digest() != j.DiffID {
		err = fmt.Errorf("wrong diff id calculated on extraction %q", digester.Digest())
	}
	return live, err
}

// seen are the directories that are known to be in the layer itself.
type seen map[string]struct{}

// apply extracts one layer. containerd's Apply resolves every path within
// upper, whatever links and ".." it holds; names that want out are refused
// rather than bent, since no honest tool writes them. With alone, errNeedsLower is
// returned as soon as a directory is needed that the layer does not have.
func apply(ctx context.Context, r io.Reader, upper string, lower []string, alone seen) error {
	root, err := os.Open(upper)
	if err != nil {
		return err
	}
	defer root.Close()
	gaps := &holes{root: root, r: r}
	filter := func(h *tar.Header) (bool, error) {
		name, err := Inside(h.Name)
		if err != nil {
			return false, err
		}
		if h.Typeflag == tar.TypeLink {
			if _, err := Inside(h.Linkname); err != nil {
				return false, err
			}
		}
		if err := room(upper, h); err != nil {
			return false, err
		}
		if err := gaps.next(h); err != nil {
			return false, err
		}
		if alone == nil {
			return true, nil
		}
		return true, alone.check(upper, name, h.Typeflag == tar.TypeDir)
	}
	_, err = ctrarchive.Apply(ctx, upper, gaps, ctrarchive.WithFilter(filter), ctrarchive.WithParents(lower),
		ctrarchive.WithConvertWhiteout(whiteout))
	if err == nil {
		err = gaps.next(nil)
	}
	return err
}

// check returns errNeedsLower if the directory of name is not there.
func (s seen) check(upper, name string, isDir bool) error {
	dir := filepath.Dir(name)
	if _, known := s[dir]; !known {
		path, err := fs.RootPath(upper, dir)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(path); err != nil {
			return errNeedsLower
		}
		s[dir] = struct{}{}
	}
	if isDir {
		s[name] = struct{}{}
	}
	return nil
}
