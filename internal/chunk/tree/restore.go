//go:build linux

package tree

import (
	"context"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Restore makes a directory, which holds nothing, what a manifest says. On an error there is some of it, for
// the caller to throw away: restore aside, then syncfs(2) and rename. Nobody else may write to the directory meanwhile.
//
// The manifest is one that Decode or Scan has returned. Nothing is done outside the directory, whatever it says.
func Restore(ctx context.Context, m *Manifest, from Source, dir *os.File) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	workers := runtime.GOMAXPROCS(0)
	r := &restore{ctx: ctx, cancel: fail, m: m, root: int(dir.Fd()), store: newCache(m.Chunks, from), jobs: make(chan job, 8*workers)}
	var working sync.WaitGroup
	for range workers {
		working.Go(r.work)
	}
	r.fail(r.walk())
	close(r.jobs)
	working.Wait()
	return context.Cause(ctx)
}

// restore is one under way. One goroutine makes names, others write the contents of files and what belongs to
// them; a directory gets what belongs to it when all its names are made.
type restore struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	m      *Manifest
	root   int
	store  *cache
	jobs   chan job
	open   []level // the directories on the way
}

type level struct{ fd, entry int }

func (r *restore) walk() error {
	r.open = append(r.open, level{r.root, 0})
	defer func() {
		for _, l := range r.open[1:] {
			unix.Close(l.fd)
		}
	}()
	for i := 1; i < len(r.m.Entries); i++ {
		if err := r.leave(r.m.Entries[i].Depth); err != nil {
			return err
		}
		if err := r.make(i); err != nil {
			return r.about(i, err)
		}
	}
	if err := r.leave(1); err != nil {
		return err
	}
	return r.about(0, dress(r.root, &r.m.Entries[0]))
}

// leave ends the directories that are as deep as an entry, or deeper.
func (r *restore) leave(depth int) error {
	for len(r.open) > depth {
		l := r.open[len(r.open)-1]
		r.open = r.open[:len(r.open)-1]
		err := dress(l.fd, &r.m.Entries[l.entry])
		unix.Close(l.fd)
		if err != nil {
			return r.about(l.entry, err)
		}
	}
	return nil
}

// make makes the name of an entry, and what it is unless that is a file or a directory.
func (r *restore) make(i int) error {
	e := &r.m.Entries[i]
	dir := r.open[len(r.open)-1].fd
	switch e.Kind {
	case Dir:
		return r.makeDir(i, dir)
	case File:
		return r.makeFile(i, dir)
	case Link:
		return r.link(e, dir)
	case Symlink:
		if err := unix.Symlinkat(e.Text, dir, e.Name); err != nil {
			return err
		}
	default:
		if err := unix.Mknodat(dir, e.Name, formatOf(e.Kind)|0o600, int(e.Device)); err != nil {
			return err
		}
	}
	n, err := openNode(dir, e.Name)
	if err != nil {
		return err
	}
	defer unix.Close(n.fd)
	return dress(n.fd, e)
}

func formatOf(k Kind) uint32 {
	switch k {
	case Socket:
		return unix.S_IFSOCK
	case Char:
		return unix.S_IFCHR
	case Block:
		return unix.S_IFBLK
	}
	return unix.S_IFIFO
}

func (r *restore) makeDir(i, dir int) error {
	name := r.m.Entries[i].Name
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return err
	}
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	r.open = append(r.open, level{fd, i})
	return nil
}

// link gives an entry a further name. The path of what has it leads through directories that were
// made here, and through no links.
func (r *restore) link(e *Entry, dir int) error {
	fd, err := unix.Openat2(r.root, r.m.Path(e.Target), &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Linkat(unix.AT_FDCWD, node{fd: fd}.path(), dir, e.Name, unix.AT_SYMLINK_FOLLOW)
}

// dress gives a node what belongs to it, in an order in which none takes away another: chown(2) clears
// capabilities and set-user-ID.
func dress(fd int, e *Entry) error {
	n := node{fd: fd}
	if err := unix.Fchownat(fd, "", int(e.Attr.UID), int(e.Attr.GID), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if e.Kind != Symlink {
		if err := unix.Fchmodat(unix.AT_FDCWD, n.path(), e.Attr.Mode, 0); err != nil {
			return err
		}
	}
	for _, x := range e.Attr.Xattrs {
		if err := unix.Setxattr(n.path(), x.Name, []byte(x.Value), 0); err != nil {
			return fault.Wrap(fault.Internal, err, "its attribute %q cannot be set", x.Name)
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: e.Attr.Modified.Sec, Nsec: int64(e.Attr.Modified.Nsec)}}
	return unix.UtimesNanoAt(fd, "", times, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
}

// fail ends everything, if there is an error; the first one counts.
func (r *restore) fail(err error) {
	if err != nil {
		r.cancel(err)
	}
}

// about tells which entry an error is about.
func (r *restore) about(i int, err error) error {
	if err == nil || r.ctx.Err() != nil {
		return err
	}
	return fault.Wrap(fault.KindOf(err), err, "%q cannot be restored", r.m.Path(i))
}
