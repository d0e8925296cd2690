//go:build linux

// Package duplicate copies trees of files as they are: owners, modes, times,
// extended attributes (and with them ACLs and capabilities), hard links, holes,
// fifos, sockets and devices. It goes by descriptors and never by a path, so that no
// symbolic link leads it out of either tree. What a file system can share, by
// FICLONE, takes neither time nor space; the rest is copied by several at once.
package duplicate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Tree copies what the directory from holds into the directory to, which holds nothing, and
// then makes that one as from is. Nobody else may write to either meanwhile. The copy is not
// on the disk when this returns, and half of it may be there after an error.
//
// Where from is shown by an overlay, beneath may have the directories that it is made of, the
// top-most first: a file that is found there as it is can be shared, which one of an overlay cannot.
func Tree(ctx context.Context, from, to *os.File, beneath ...*os.File) error {
	c := &copier{ctx: ctx, to: to, beneath: beneath, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
	source, err := again(from)
	if err != nil {
		return err
	}
	defer source.Close()
	defer c.buffers.close()
	if err := c.dir(source, to, ""); err != nil {
		return err
	}
	return likeDir(source, to, "")
}

// Like makes a directory as another is, but for what is in it: owner, mode, extended attributes, times.
func Like(from, to *os.File) error {
	return likeDir(from, to, "")
}

// copier is one copy under way.
type copier struct {
	ctx     context.Context
	to      *os.File // the top of the copy
	beneath []*os.File
	slots   chan struct{} // who works beside the first

	noShare, noRange, noDirect atomic.Bool // these two file systems cannot
	buffers                    buffers

	mu    sync.Mutex
	links map[inode]*original
}

// inode is a file, whatever its names.
type inode struct{ dev, ino uint64 }

// original is the first name of a file that has several, which the others are linked to.
type original struct {
	copied chan struct{} // closed when it is there, or is not going to be
	path   string        // below the top
	err    error
}

// again opens a directory anew, for one that is only a place (O_PATH) or was read before.
func again(dir *os.File) (*os.File, error) { return open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY) }

// open opens a name in a directory, and no link.
func open(dir *os.File, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// dir copies what a directory holds.
func (c *copier) dir(from, to *os.File, path string) error {
	names, err := from.Readdirnames(-1)
	if err != nil {
		return at(path, err)
	}
	var g errgroup.Group
	for _, name := range names {
		if err = c.ctx.Err(); err != nil {
			break
		}
		select {
		case c.slots <- struct{}{}:
			g.Go(func() error {
				defer func() { <-c.slots }()
				return c.entry(from, to, name, filepath.Join(path, name))
			})
		default: // all have something to do: it is this one's turn
			err = c.entry(from, to, name, filepath.Join(path, name))
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, g.Wait())
}

// entry copies what has a name in a directory.
func (c *copier) entry(from, to *os.File, name, path string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(from.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return at(path, err)
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return c.subdir(from, to, name, path)
	case st.Nlink > 1:
		return c.linked(&st, to, name, path, func() error { return c.leaf(&st, from, to, name, path) })
	}
	return c.leaf(&st, from, to, name, path)
}

func (c *copier) leaf(st *unix.Stat_t, from, to *os.File, name, path string) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return at(path, c.file(from, to, name, path))
	case unix.S_IFLNK:
		return at(path, symlink(from, to, name))
	}
	return at(path, special(st, from, to, name))
}

func (c *copier) subdir(from, to *os.File, name, path string) error {
	source, err := open(from, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return at(path, err)
	}
	defer source.Close()
	if err := unix.Mkdirat(int(to.Fd()), name, 0o700); err != nil {
		return at(path, err)
	}
	target, err := open(to, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return at(path, err)
	}
	defer target.Close()
	if err := c.dir(source, target, path); err != nil {
		return err
	}
	return likeDir(source, target, path) // last, for its times are those of what is in it
}

func likeDir(from, to *os.File, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return at(path, err)
	}
	return at(path, like(&st, from, to))
}

// linked copies a file at the first of its names, and links the others to that one. A copy
// waits for nobody, so whoever waits for it here is not waited for.
func (c *copier) linked(st *unix.Stat_t, to *os.File, name, path string, copied func() error) error {
	first, mine := c.original(inode{st.Dev, st.Ino}, path)
	if mine {
		defer close(first.copied)
		first.err = copied()
		return first.err
	}
	<-first.copied
	if first.err != nil {
		return nil // it is told of by whoever copied it
	}
	return at(path, unix.Linkat(int(c.to.Fd()), first.path, int(to.Fd()), name, 0))
}

func (c *copier) original(i inode, path string) (first *original, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.links[i]; first != nil {
		return first, false
	}
	if c.links == nil {
		c.links = map[inode]*original{}
	}
	first = &original{copied: make(chan struct{}), path: path}
	c.links[i] = first
	return first, true
}

// at says of an error where it was.
func at(path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "copy", Path: "/" + path, Err: err}
}
