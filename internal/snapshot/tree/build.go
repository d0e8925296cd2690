//go:build linux

package tree

import (
	"context"
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Placer gives a content that is kept a name.
type Placer interface {
	// Place puts the file at a name in a directory where there is none; the tree needs it once.
	Place(ref Ref, dir int, name string, size int64) error
}

// Build makes the tree at a name in a directory that nobody else can reach, where there is
// nothing of that name. What it fails at, it leaves.
func Build(ctx context.Context, root *Node, dir *os.File, name string, from Placer) error {
	b := &builder{ctx: ctx, top: int(dir.Fd()), name: name, from: from, first: map[*File]string{}}
	err := b.make(int(dir.Fd()), "", name, root)
	return tell(err)
}

// BuildIn makes what is below the tree's root in a directory that nobody else can reach; what the root itself is the
// directory becomes by Adorn, when nothing more is made in it.
func BuildIn(ctx context.Context, root *Node, dir *os.File, from Placer) error {
	b := &builder{ctx: ctx, top: int(dir.Fd()), from: from, first: map[*File]string{}}
	for _, c := range root.Children {
		if err := b.make(b.top, c.Name, c.Name, c); err != nil {
			return tell(err)
		}
	}
	return nil
}

// Adorn gives a directory the owner, mode, attributes and times of a tree's root.
func Adorn(root *Node, dir *os.File) error { return adorn(int(dir.Fd()), ".", root) }

// builder makes one tree.
type builder struct {
	ctx   context.Context
	top   int // holds the tree
	name  string
	from  Placer
	first map[*File]string // where, below top, a file with several names is
}

func (b *builder) make(dir int, at, name string, n *Node) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	err := b.put(dir, at, name, n)
	if err == nil && n.Kind() == unix.S_IFDIR {
		err = b.fill(dir, at, name, n)
	}
	if err == nil {
		err = adorn(dir, name, n)
	}
	var p *os.PathError
	if err != nil && !errors.As(err, &p) {
		err = &os.PathError{Op: "make", Path: "/" + at, Err: err}
	}
	return err
}

// put makes the thing itself.
func (b *builder) put(dir int, at, name string, n *Node) error {
	switch n.Kind() {
	case unix.S_IFDIR:
		return unix.Mkdirat(dir, name, 0o700)
	case unix.S_IFLNK:
		return unix.Symlinkat(n.Target, dir, name)
	case unix.S_IFREG:
		return b.regular(dir, at, name, n)
	}
	return unix.Mknodat(dir, name, n.Kind()|0o600, int(n.Stat.Rdev))
}

func (b *builder) regular(dir int, at, name string, n *Node) error {
	if n.Stat.Nlink > 1 {
		if other, there := b.first[n.File]; there {
			return unix.Linkat(b.top, other, dir, name, 0)
		}
		b.first[n.File] = path.Join(b.name, at)
	}
	return b.from.Place(n.File.Ref, dir, name, n.Stat.Size)
}

func (b *builder) fill(dir int, at, name string, n *Node) (err error) {
	fd, err := open(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, c := range n.Children {
		if err := b.make(fd, path.Join(at, c.Name), c.Name, c); err != nil {
			return err
		}
	}
	return nil
}
