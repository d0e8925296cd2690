//go:build linux

package archive

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// Owner is whom all files of an archive are given to.
type Owner struct{ UID, GID int }

// UnpackOptions change how an archive is taken in.
type UnpackOptions struct {
	NoOverwriteDirNonDir bool   // a directory is never replaced by another thing, nor the other way round
	Owner                *Owner // nil: the owners that the archive names
	Itself               bool   // an entry "." is about the directory too, which else stays as it is
}

// Unpack writes what a tar stream holds into the directory dir of a root. Links on the way to
// a name are followed within the root, as for a process of the container; names that lead out of dir are
// refused. A file is there when it is complete and not before: what is under its name stays until then.
// Whatever fails, what has been written so far stays, as in Docker.
func Unpack(ctx context.Context, root *os.File, dir string, r io.Reader, opts UnpackOptions) error {
	at, err := Destination(root, dir)
	if err != nil {
		return err
	}
	u := &unpacker{ctx: ctx, root: root, dir: at, opts: opts, tar: tar.NewReader(r), buf: make([]byte, 128<<10)}
	defer u.forget()
	for {
		h, err := u.tar.Next()
		if err == io.EOF {
			return u.times()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return unreadable(ctx, err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := u.entry(h); err != nil {
			return err
		}
	}
}

// Destination is the directory that a path leads to, absolute in the root and
// without links. What is no directory is Invalid, in Docker's words.
func Destination(root *os.File, name string) (string, error) {
	abs := path.Join("/", name)
	at, err := follow(root, abs)
	if err != nil {
		return "", err
	}
	d, err := mount.OpenIn(root, at, unix.O_PATH)
	if err != nil {
		return "", told(err, "lstat", abs)
	}
	defer d.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return "", told(err, "lstat", abs)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return "", fault.New(fault.Invalid, "extraction point is not a directory")
	}
	return at, nil
}

// unpacker is one archive on its way in.
type unpacker struct {
	ctx  context.Context
	root *os.File
	dir  string // where it goes, in the root
	opts UnpackOptions
	tar  *tar.Reader
	buf  []byte

	above     *os.File // the directory that the last entry was written into
	aboveName string
	dirs      []stamp // directories, whose times come last: writing into them changes them
}

type stamp struct {
	name         string
	atime, mtime time.Time
}

func unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fault.As(fault.Cancelled, ctx.Err())
	}
	if fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.Wrap(fault.Internal, err, "the archive cannot be read")
}

// place is where an entry goes: a name in an open directory.
type place struct {
	dir  int
	base string // "." for the destination itself
	name string // absolute in the root, for errors
}

// itself gives the destination what an entry says of it.
func (u *unpacker) itself(h *tar.Header) error {
	if !u.opts.Itself || h.Typeflag != tar.TypeDir {
		return nil
	}
	d, err := mount.OpenIn(u.root, u.dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer d.Close()
	n := node{fd: int(d.Fd())}
	if err := unix.Fstat(n.fd, &n.st); err != nil {
		return err
	}
	u.dirs = append(u.dirs, stamp{name: u.dir, atime: h.AccessTime, mtime: h.ModTime})
	return u.dress(n, h)
}

// entry writes one entry.
func (u *unpacker) entry(h *tar.Header) error {
	clean := path.Clean(h.Name)
	if clean == "." {
		return u.itself(h)
	}
	p, err := u.place(clean)
	if err != nil {
		return err
	}
	is, exists, err := u.look(p)
	if err != nil {
		return err
	}
	if exists && u.opts.NoOverwriteDirNonDir && (is == unix.S_IFDIR) != (h.Typeflag == tar.TypeDir) {
		if is == unix.S_IFDIR {
			return fault.New(fault.Internal, "cannot overwrite directory %q with non-directory %q", p.name, u.dir)
		}
		return fault.New(fault.Internal, "cannot overwrite non-directory %q with directory %q", p.name, u.dir)
	}
	if p.base == "." && h.Typeflag != tar.TypeDir {
		return fault.New(fault.Internal, "cannot overwrite directory %q with non-directory %q", p.name, u.dir)
	}
	err = u.write(p, h, is)
	if errno, ok := err.(unix.Errno); ok { //nolint:errorlint // of a call on this very name
		return told(errno, "write", p.name)
	}
	return err
}

// place opens the directory of an entry, which is made when it is missing.
func (u *unpacker) place(clean string) (place, error) {
	name := path.Join(u.dir, clean)
	if !below(name, u.dir) || clean == ".." || strings.HasPrefix(clean, "../") {
		return place{}, fault.New(fault.Internal, "%q is outside of %q", clean, u.dir)
	}
	if name == u.dir {
		d, err := u.open(name)
		return place{dir: d, base: ".", name: name}, err
	}
	d, err := u.open(path.Dir(name))
	return place{dir: d, base: path.Base(name), name: name}, err
}

// below reports whether name is dir or in it; both are clean.
func below(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}

// open opens a directory by its name in the root; the last one is kept.
func (u *unpacker) open(name string) (int, error) {
	if u.above != nil && u.aboveName == name {
		return int(u.above.Fd()), nil
	}
	d, err := mount.OpenIn(u.root, name, unix.O_PATH|unix.O_DIRECTORY)
	if fault.Is(err, fault.NotFound) {
		if err := mount.MakePlace(u.root, name, true); err != nil {
			return -1, told(err, "mkdir", name)
		}
		d, err = mount.OpenIn(u.root, name, unix.O_PATH|unix.O_DIRECTORY)
	}
	if err != nil {
		return -1, told(err, "open", name)
	}
	u.forget()
	u.above, u.aboveName = d, name
	return int(d.Fd()), nil
}

// forget closes the directory that is kept: a name that led there may lead elsewhere now.
func (u *unpacker) forget() {
	if u.above != nil {
		u.above.Close()
		u.above = nil
	}
}

// look tells what kind of thing is at a place.
func (u *unpacker) look(p place) (kind uint32, exists bool, err error) {
	var st unix.Stat_t
	switch err := unix.Fstatat(p.dir, p.base, &st, unix.AT_SYMLINK_NOFOLLOW); err {
	case nil:
		return st.Mode & unix.S_IFMT, true, nil
	case unix.ENOENT:
		return 0, false, nil
	default:
		return 0, false, told(err, "lstat", p.name)
	}
}

// times gives the directories their times, when nothing more is written into them.
func (u *unpacker) times() error {
	for _, d := range u.dirs {
		fd, err := u.open(path.Dir(d.name))
		if err != nil {
			return err
		}
		base := path.Base(d.name)
		if d.name == "/" {
			base = "."
		}
		if err := unix.UtimesNanoAt(fd, base, timespecs(d.atime, d.mtime), unix.AT_SYMLINK_NOFOLLOW); err != nil && missing(err) != nil {
			return told(err, "chtimes", d.name)
		}
	}
	return nil
}

// latest is the last second that fits into nanoseconds of 64 bits, 2262.
const latest = 1<<63/1000000000 - 1

// timespecs are the times of a header; a time that no file can have becomes 1970, as in Docker.
func timespecs(atime, mtime time.Time) []unix.Timespec {
	if atime.Before(mtime) {
		atime = mtime
	}
	list := make([]unix.Timespec, 2)
	for i, t := range []time.Time{atime, mtime} {
		if t.Before(time.Unix(0, 0)) || t.After(time.Unix(latest, 0)) {
			t = time.Unix(0, 0)
		}
		list[i] = unix.NsecToTimespec(t.UnixNano())
	}
	return list
}

// outside says that a hard link is to a file that is not in the archive's directory.
func outside(target, link string) error {
	return fault.New(fault.Internal, "invalid hardlink %q -> %q", target, link)
}

// unknown says that an entry is of a kind that nobody can make.
func unknown(h *tar.Header) error {
	return fault.As(fault.Internal, fmt.Errorf("unhandled tar header type %d", h.Typeflag))
}
