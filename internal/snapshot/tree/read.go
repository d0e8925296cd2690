//go:build linux

package tree

import (
	"context"
	"errors"
	"os"
	"path"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Store keeps contents of files. It may be called from several goroutines at once.
type Store interface {
	// Keep takes a file's content in as it is now.
	Keep(ctx context.Context, f *os.File, size int64) (Ref, error)
}

// Reader takes a tree in, in one pass or in several: each looks at everything, and takes in
// what has changed since the one before. Only the last has to see a tree that stands still.
type Reader struct {
	dir   *os.File
	store Store
	root  *Node         // of the last pass
	since unix.Timespec // when that began
}

// slack is more than what the kernel's times of changes can lag behind the clock.
const slack = 100 * time.Millisecond

// NewReader reads the tree below a directory, which stays the caller's.
func NewReader(dir *os.File, store Store) *Reader { return &Reader{dir: dir, store: store} }

// Root is the tree as the last pass has seen it.
func (r *Reader) Root() *Node { return r.root }

// Work is what a pass has had to do.
type Work struct {
	Files int   // contents taken in
	Bytes int64 // in them
}

// Ahead is a pass over a tree that may be changing. Everything is written to the disk
// first: a program that writes to mapped memory sets a file's times only when the kernel has
// taken the page to be clean, so whatever is written from then on is seen by the next pass.
func (r *Reader) Ahead(ctx context.Context) (Work, error) {
	began := now()
	if err := unix.Syncfs(int(r.dir.Fd())); err != nil {
		return Work{}, os.NewSyscallError("syncfs", err)
	}
	return r.pass(ctx, began)
}

// Last is the pass over a tree that stands still.
func (r *Reader) Last(ctx context.Context) (Work, error) { return r.pass(ctx, now()) }

func now() unix.Timespec { return unix.NsecToTimespec(time.Now().Add(-slack).UnixNano()) }

func (r *Reader) pass(ctx context.Context, began unix.Timespec) (Work, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	w := &walk{store: r.store, ctx: ctx, group: g, since: r.since, seen: map[inode]*File{}}
	root, err := w.root(r.dir, r.root)
	if failed := g.Wait(); failed != nil {
		err = failed // by which the walk has been ended
	}
	if err != nil {
		return Work{}, tell(err)
	}
	r.root, r.since = root, began
	return w.work, nil
}

// Measure tells what a tree holds.
func Measure(ctx context.Context, dir *os.File) (Usage, error) {
	r := NewReader(dir, nil)
	if _, err := r.Last(ctx); err != nil {
		return Usage{}, err
	}
	return r.Root().Usage(), nil
}

// tell gives an error of a walk its kind: who gave up is no defect of ours.
func tell(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.As(fault.Cancelled, err)
	}
	return err
}

type inode struct{ dev, ino uint64 }

// maxDepth is how deep directories may lie in each other: each that is being looked at keeps two
// descriptors open, and a container can make as many as it likes.
const maxDepth = 1024

// walk is one pass.
type walk struct {
	store Store
	ctx   context.Context
	group *errgroup.Group
	since unix.Timespec
	seen  map[inode]*File // of files with several names
	work  Work
	depth int
}

func (w *walk) root(dir *os.File, old *Node) (*Node, error) {
	fd, err := open(int(dir.Fd()), ".", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	n, err := w.node(fd, "", "", old)
	return n, errors.Join(err, unix.Close(fd))
}

// open opens what a name in a directory is, no link, and nothing that is mounted there.
func open(dir int, name string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// enter looks at a name in a directory; nil when it is gone by now.
func (w *walk) enter(dir int, at, name string, old *Node) (*Node, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, missing(err, at, name)
	}
	if old != nil && st.Mode&unix.S_IFMT != unix.S_IFDIR && unchanged(&old.Stat, &st, w.since) {
		return w.again(old), nil
	}
	fd, err := open(dir, name, unix.O_PATH)
	if err != nil {
		return nil, missing(err, at, name)
	}
	n, err := w.node(fd, path.Join(at, name), name, old)
	return n, errors.Join(err, unix.Close(fd))
}

// missing passes over what has just been removed, and says of the rest where it is.
func missing(err error, at, name string) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EXDEV):
		return fault.New(fault.Conflict, "something is mounted at /%s: what is below it cannot be seen", path.Join(at, name))
	}
	return &os.PathError{Op: "open", Path: "/" + path.Join(at, name), Err: err}
}

// again is a node that is as it was; where another name of it has been seen, with that one's content.
func (w *walk) again(old *Node) *Node {
	if old.File == nil || old.Stat.Nlink == 1 {
		return old
	}
	key := inode{old.Stat.Dev, old.Stat.Ino}
	f := w.seen[key]
	if f == nil {
		w.seen[key] = old.File
		return old
	}
	n := *old
	n.File = f
	return &n
}

// node takes in what a descriptor is. at is its path, for errors.
func (w *walk) node(fd int, at, name string, old *Node) (n *Node, err error) {
	defer func() {
		var p *os.PathError
		if err != nil && !errors.As(err, &p) && fault.KindOf(err) == fault.Internal {
			err = &os.PathError{Op: "read", Path: "/" + at, Err: err}
		}
	}()
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	n = &Node{Name: name}
	if err := unix.Fstat(fd, &n.Stat); err != nil {
		return nil, err
	}
	if old != nil && unchanged(&old.Stat, &n.Stat, w.since) {
		n.Xattrs = old.Xattrs
	} else if n.Xattrs, err = xattrs(fd); err != nil {
		return nil, err
	}
	switch n.Kind() {
	case unix.S_IFLNK:
		n.Target, err = link(fd)
	case unix.S_IFREG:
		err = w.file(fd, at, n)
	case unix.S_IFDIR:
		n.Children, err = w.children(fd, at, old)
	}
	return n, err
}

func (w *walk) children(fd int, at string, old *Node) ([]*Node, error) {
	if w.depth++; w.depth > maxDepth {
		return nil, fault.New(fault.Unsupported, "there are directories more than %d deep", maxDepth)
	}
	defer func() { w.depth-- }()
	if !old.is(unix.S_IFDIR) {
		old = nil
	}
	dir, err := open(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) { // a server's file system, to which root is somebody else
		dir, err = open(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dir), "/"+at)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	children := make([]*Node, 0, len(names))
	for _, name := range names {
		n, err := w.enter(dir, at, name, old.child(name))
		if err != nil {
			return nil, err
		}
		if n != nil {
			children = append(children, n)
		}
	}
	return children, nil
}

func (n *Node) is(kind uint32) bool { return n != nil && n.Kind() == kind }

// file has the content of a file taken in beside the walk.
func (w *walk) file(fd int, at string, n *Node) error {
	key := inode{n.Stat.Dev, n.Stat.Ino}
	if n.Stat.Nlink > 1 {
		if n.File = w.seen[key]; n.File != nil {
			return nil
		}
	}
	n.File = &File{}
	if n.Stat.Nlink > 1 {
		w.seen[key] = n.File
	}
	if w.store == nil {
		return nil
	}
	// The descriptor is no path: the kernel opens the file itself (proc_pid_fd(5)). Of a regular
	// file nothing can hang.
	from, err := os.OpenFile(fdPath(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		from, err = os.OpenFile(fdPath(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return err
	}
	w.work.Files++
	w.work.Bytes += n.Stat.Size
	size, into := n.Stat.Size, n.File
	w.group.Go(func() (err error) {
		if into.Ref, err = w.store.Keep(w.ctx, from, size); err != nil {
			err = &os.PathError{Op: "keep", Path: "/" + at, Err: err}
		}
		return errors.Join(err, from.Close())
	})
	return nil
}

// Timed tells whether the times of changes on a file system are this machine's and can be
// relied on: those of a server, or of a program, may be anything.
func Timed(dir *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(dir.Fd()), &st) != nil {
		return false
	}
	switch st.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC:
		return true
	}
	return false
}
