//go:build linux

package archive

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Merge copies what an overlay of these layers, the top-most first, would show into an empty directory: for where no
// overlay can be mounted.
func Merge(ctx context.Context, layers []string, into *os.File) error {
	low, err := openLowers(layers)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the image's layers cannot be read")
	}
	defer low.close()
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		p := NewPacker(ctx, w)
		err := p.merged(low, "")
		if err == nil {
			err = p.Close()
		}
		w.CloseWithError(err) // nil is the end
		packed <- err
	}()
	err = Unpack(ctx, into, "/", r, UnpackOptions{})
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // so that the packing ends too
	if packing := <-packed; packing != nil && err == nil {
		err = packing
	}
	return fault.Wrap(fault.KindOf(err), err, "the image's layers cannot be copied")
}

// merged writes a directory as all layers together have it.
func (p *Packer) merged(low lowers, dir string) error {
	if err := p.ctx.Err(); err != nil {
		return fault.As(fault.Cancelled, err)
	}
	there, err := low.names()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !there[name] {
			continue
		}
		if err := p.mergedEntry(low, dir+name); err != nil {
			return err
		}
	}
	return nil
}

func (p *Packer) mergedEntry(low lowers, name string) error {
	base := path.Base(name)
	n, found, err := low.find(base)
	if !found || err != nil {
		return err
	}
	defer n.close()
	h, err := header(n, name)
	if h == nil || err != nil {
		return err
	}
	p.link(h, n)
	if h.Typeflag == tar.TypeReg {
		return p.file(n, h)
	}
	if err := p.tar.WriteHeader(h); err != nil || h.Typeflag != tar.TypeDir {
		return err
	}
	under, err := low.down(base)
	if err != nil {
		return err
	}
	defer under.close()
	return p.merged(under, h.Name)
}

// packWhole packs what a whole copy has changed: the changes, then what was deleted.
func (l Layer) packWhole(ctx context.Context, w io.Writer) error {
	list, err := l.Changes(ctx)
	if err != nil {
		return err
	}
	changed := map[string]bool{}
	for _, c := range list {
		changed[c.Path] = c.Kind != Deleted
	}
	up, err := os.OpenFile(l.Upper, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the container's layer cannot be read")
	}
	defer up.Close()
	p := NewPacker(ctx, w)
	p.Entry = func(e Entry) (*tar.Header, bool, error) {
		name := "/" + strings.TrimSuffix(e.Header.Name, "/")
		if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
			return nil, false, fault.New(fault.Invalid, "%s cannot be in an image: names that begin with %s mean that something was deleted", name, whiteoutPrefix)
		}
		return nil, changed[name], nil
	}
	if err := p.Below(up); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the container's layer cannot be read")
	}
	for _, c := range list {
		if c.Kind == Deleted {
			dir, base := path.Split(strings.TrimPrefix(c.Path, "/"))
			if err := p.Write(&tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: dir + whiteoutPrefix + base, Mode: 0o600}); err != nil {
				return err
			}
		}
	}
	return p.Close()
}
