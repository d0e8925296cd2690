//go:build linux

package archive

import (
	"context"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Kind is how something differs from the image; the numbers are the API's.
type Kind uint8

// What can have happened to a file.
const (
	Modified Kind = iota
	Added
	Deleted
)

// Change is one difference between a container's file system and its image.
type Change struct {
	Path string // absolute
	Kind Kind
}

// Changes is what a container has changed, by path: the same list as Docker's, which compares
// both trees. This one looks only at what the upper directory has, and of the image at the same names. A
// directory is a change when its mode or owner is another, or something below it is one.
func (l Layer) Changes(ctx context.Context) ([]Change, error) {
	low, err := openLowers(l.Lowers)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the image's layers cannot be read")
	}
	defer low.close()
	up, err := os.OpenFile(l.Upper, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the container's layer cannot be read")
	}
	defer up.Close()
	d := differ{ctx: ctx, whole: l.Whole, marked: l.Marked, list: []Change{}}
	if err := d.below(int(up.Fd()), low, "/", l.Whole); err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "the container's layer cannot be read")
	}
	slices.SortFunc(d.list, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return d.list, nil
}

type differ struct {
	ctx    context.Context
	whole  bool // every directory hides what the image has
	marked bool // as in Layer
	list   []Change
}

func (d *differ) add(name string, kind Kind) { d.list = append(d.list, Change{Path: name, Kind: kind}) }

// below compares a directory of the layer with the image's; an opaque one hides all that the image has.
func (d *differ) below(dir int, low lowers, name string, opaque bool) error {
	if err := d.ctx.Err(); err != nil {
		return fault.As(fault.Cancelled, err)
	}
	if len(name) > nameLimit {
		return fault.New(fault.Invalid, "the tree is too deep: %s… has a path of more than %d bytes", name[:64], nameLimit)
	}
	names, err := readNames(dir)
	if err != nil {
		return missing(err)
	}
	if opaque {
		there, err := low.names()
		if err != nil {
			return err
		}
		for _, child := range names {
			delete(there, child)
		}
		for child, exists := range there {
			if exists {
				d.add(path.Join(name, child), Deleted)
			}
		}
	}
	for _, child := range names {
		if err := d.entry(dir, low, path.Join(name, child)); err != nil {
			return err
		}
	}
	return nil
}

// entry compares one name of a directory.
func (d *differ) entry(dir int, low lowers, name string) error {
	base := path.Base(name)
	if d.marked && fuseMark(base) {
		return nil
	}
	n, err := openNode(dir, base)
	if err != nil {
		return missing(err)
	}
	defer n.close()
	old, found, err := low.find(base)
	if err != nil {
		return err
	}
	if found {
		defer old.close()
	}
	at := len(d.list)
	switch {
	case n.whiteout():
		if found {
			d.add(name, Deleted)
		}
		return nil
	case found && differs(old, n), !found && initial(name) != 0 && !pristine(n, name):
		d.add(name, Modified)
	case !found && initial(name) == 0:
		d.add(name, Added)
	}
	if n.kind() != unix.S_IFDIR {
		return nil
	}
	own := len(d.list) > at
	if err := d.directory(n, low, name, found && old.kind() == unix.S_IFDIR); err != nil {
		return err
	}
	if !own && len(d.list) > at {
		d.add(name, Modified)
	}
	return nil
}

// directory goes down into a directory, which the image may have too.
func (d *differ) directory(n node, low lowers, name string, both bool) error {
	if err := n.unmoved(name); err != nil {
		return err
	}
	if !both {
		return d.below(n.fd, nil, name, false)
	}
	opaque, err := n.opaque()
	if err != nil {
		return err
	}
	under, err := low.down(path.Base(name))
	if err != nil {
		return err
	}
	defer under.close()
	return d.below(n.fd, under, name, opaque || d.whole)
}

// unmoved refuses a directory of the image that was renamed where the kernel then
// writes down where it came from, and copies nothing: the engine mounts overlays without that.
func (n node) unmoved(name string) error {
	from, err := n.xattr("trusted.overlay.redirect")
	if err == nil && from != "" {
		err = fault.New(fault.Unsupported, "the directory %s was moved by an overlay with redirect_dir=on, which berth does not read", name)
	}
	return err
}

// differs compares what the image has with what the container has: of a directory, the
// contents and times do not count. A time in whole seconds is the same as one with a fraction: an archive
// has lost it.
func differs(old, n node) bool {
	a, b := &old.st, &n.st
	if a.Mode != b.Mode || a.Uid != b.Uid || a.Gid != b.Gid || a.Rdev != b.Rdev {
		return true
	}
	if n.kind() == unix.S_IFDIR {
		return capability(old) != capability(n)
	}
	same := a.Mtim.Sec == b.Mtim.Sec && (a.Mtim.Nsec == b.Mtim.Nsec || a.Mtim.Nsec == 0 || b.Mtim.Nsec == 0)
	return !same || a.Size != b.Size || capability(old) != capability(n)
}

func capability(n node) string {
	value, err := n.xattr("security.capability")
	if err != nil {
		return "?"
	}
	return value
}
