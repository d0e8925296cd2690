//go:build linux

package archive

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Names in a layer's tar that mean something else (image-spec layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	opaqueMark     = ".wh..wh..opq"
)

// Pack writes the container's changes as a layer of an image. The same tree gives the same
// bytes: when something was removed is not in them.
func (l Layer) Pack(ctx context.Context, w io.Writer) error {
	if l.Whole {
		return l.packWhole(ctx, w)
	}
	low, err := openLowers(l.Lowers)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the image's layers cannot be read")
	}
	defer low.close()
	up, err := os.OpenFile(l.Upper, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the container's layer cannot be read")
	}
	defer up.Close()
	p := NewPacker(ctx, w)
	p.Entry = func(e Entry) (*tar.Header, bool, error) {
		if l.Marked && fuseMark(path.Base(e.Header.Name)) {
			return nil, false, nil
		}
		return layerEntry(p, low, e)
	}
	if err := p.Below(up); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the container's layer cannot be read")
	}
	return p.Close()
}

// layerEntry says of a layer's entry in a tar what it says in an overlay.
func layerEntry(p *Packer, low lowers, e Entry) (*tar.Header, bool, error) {
	h := e.Header
	dir, base := path.Split(strings.TrimSuffix(h.Name, "/"))
	if strings.HasPrefix(base, whiteoutPrefix) {
		return nil, false, fault.New(fault.Invalid, "/%s%s cannot be in an image: names that begin with %s mean that something was deleted", dir, base, whiteoutPrefix)
	}
	if e.node.whiteout() {
		return nil, false, p.Write(&tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: dir + whiteoutPrefix + base, Mode: 0o600})
	}
	if dir == "" { // what the engine has made is found from the top on
		if same, err := low.untouched(e.node, "/"+base); same || err != nil {
			return nil, false, err
		}
	} else if pristine(e.node, "/"+dir+base) {
		if same, err := low.untouchedIn(strings.TrimSuffix(dir, "/"), e.node, base); same || err != nil {
			return nil, false, err
		}
	}
	if h.Typeflag != tar.TypeDir {
		return nil, true, nil
	}
	if err := e.node.unmoved("/" + dir + base); err != nil {
		return nil, false, err
	}
	opaque, err := e.node.opaque()
	if !opaque || err != nil {
		return nil, true, err
	}
	return &tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: h.Name + opaqueMark, Mode: h.Mode & 0o777, Uid: h.Uid, Gid: h.Gid}, true, nil
}
