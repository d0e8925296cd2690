//go:build linux

package archive

import (
	"archive/tar"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// clear removes what is at a place.
func (p place) clear() error {
	err := removeAll(p.dir, p.base)
	if errno, ok := err.(unix.Errno); ok { //nolint:errorlint // of a call on this very name
		return told(errno, "unlinkat", p.name)
	}
	return err
}

// write makes an entry at its place, where there may be something of a kind that it replaces.
func (u *unpacker) write(p place, h *tar.Header, is uint32) error {
	if h.Typeflag == tar.TypeDir {
		return u.makeDir(p, h, is)
	}
	u.replaced(p.name, is)
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.makeFile(p, h)
	case tar.TypeLink:
		return u.makeLink(p, h)
	case tar.TypeSymlink, tar.TypeFifo, tar.TypeChar, tar.TypeBlock:
	default:
		return unknown(h)
	}
	if err := p.clear(); err != nil {
		return err
	}
	var err error
	if h.Typeflag == tar.TypeSymlink {
		err = unix.Symlinkat(h.Linkname, p.dir, p.base)
	} else {
		err = unix.Mknodat(p.dir, p.base, nodeKind(h.Typeflag)|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	}
	if err != nil {
		return err
	}
	n, err := openNode(p.dir, p.base)
	if err != nil {
		return err
	}
	defer n.close()
	return u.dress(n, h)
}

func nodeKind(flag byte) uint32 {
	switch flag {
	case tar.TypeChar:
		return unix.S_IFCHR
	case tar.TypeBlock:
		return unix.S_IFBLK
	}
	return unix.S_IFIFO
}

// replaced forgets what is known of a name, and of what is below it, which is about to be
// another thing. The directory that is kept stays open: the entry may be in it.
func (u *unpacker) replaced(name string, is uint32) {
	if below(u.aboveName, name) {
		u.aboveName = ""
	}
	if is == unix.S_IFDIR {
		u.dirs = slices.DeleteFunc(u.dirs, func(d stamp) bool { return below(d.name, name) })
	}
}

func (u *unpacker) makeDir(p place, h *tar.Header, is uint32) error {
	if is != unix.S_IFDIR {
		if err := p.clear(); err != nil {
			return err
		}
		if err := unix.Mkdirat(p.dir, p.base, 0o700); err != nil {
			return err
		}
	}
	fd, err := openat(p.dir, p.base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	n := node{fd: fd}
	defer n.close()
	if err := unix.Fstat(fd, &n.st); err != nil {
		return err
	}
	u.dirs = append(u.dirs, stamp{name: p.name, atime: h.AccessTime, mtime: h.ModTime})
	return u.dress(n, h)
}

// makeFile writes a file that has no name until it is complete: a reader of the old one is not
// disturbed, and if the stream ends too early nothing of it is left, even by a daemon that is killed.
// File systems that have no such files get one that is removed again.
func (u *unpacker) makeFile(p place, h *tar.Header) error {
	fd, err := openat(p.dir, ".", unix.O_TMPFILE|unix.O_WRONLY, 0o600)
	named := err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL
	if named {
		if err := p.clear(); err != nil {
			return err
		}
		fd, err = openat(p.dir, p.base, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY, 0o600)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = u.fill(fd, h)
	if err == nil && !named {
		err = p.fill(fd)
	}
	if err != nil && named {
		unix.Unlinkat(p.dir, p.base, 0)
	}
	return err
}

// fill puts a file that has no name at its place, of which what is there is removed: mostly there is nothing.
func (p place) fill(fd int) error {
	link := func() error {
		return unix.Linkat(unix.AT_FDCWD, fdPath(fd), p.dir, p.base, unix.AT_SYMLINK_FOLLOW)
	}
	err := link()
	if err != unix.EEXIST {
		return err
	}
	if err := p.clear(); err != nil {
		return err
	}
	return link()
}

// fill writes a file's content and all that belongs to it.
func (u *unpacker) fill(fd int, h *tar.Header) error {
	if err := u.content(fd, h.Size); err != nil {
		return err
	}
	n := node{fd: fd}
	if err := unix.Fstat(fd, &n.st); err != nil {
		return err
	}
	return u.dress(n, h)
}

// content copies a file; blocks of zeros become holes.
func (u *unpacker) content(fd int, size int64) error {
	at, written := int64(0), int64(0) // how far there is something, and how far the file goes
	for {
		got, err := io.ReadFull(u.tar, u.buf)
		for chunk, off := u.buf[:got], at; len(chunk) > 0 && !blank(u.buf[:got]); {
			n, err := unix.Pwrite(fd, chunk, off)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return err
			}
			chunk, off = chunk[n:], off+int64(n)
			written = off
		}
		at += int64(got)
		if err == io.EOF || err == io.ErrUnexpectedEOF && at == size {
			if written == at {
				return nil
			}
			return unix.Ftruncate(fd, at) // it ends with a hole
		}
		if err == nil {
			err = u.ctx.Err()
		}
		if err != nil {
			return unreadable(u.ctx, err)
		}
	}
}

// blank reports whether there is nothing but zeros.
func blank(chunk []byte) bool {
	return chunk[0] == 0 && bytes.Equal(chunk[1:], chunk[:len(chunk)-1])
}

// makeLink gives a file that the archive's directory holds another name.
func (u *unpacker) makeLink(p place, h *tar.Header) error {
	target := path.Join(u.dir, h.Linkname)
	if !below(target, u.dir) || target == u.dir {
		return outside(target, h.Linkname)
	}
	if target == p.name {
		return nil // it has that name
	}
	other := &unpacker{root: u.root}
	defer other.forget()
	from, err := other.open(path.Dir(target))
	if err != nil {
		return err
	}
	n, err := openNode(from, path.Base(target))
	if err != nil {
		return told(err, "link", target)
	}
	defer n.close()
	if err := p.clear(); err != nil {
		return err
	}
	return unix.Linkat(from, path.Base(target), p.dir, p.base, 0)
}

// dress gives a node what its header says: owner, attributes, mode and times, in an order
// in which none takes away another (chown(2) clears capabilities and set-user-ID). By the node itself: who swaps
// its name for a link gains nothing.
func (u *unpacker) dress(n node, h *tar.Header) error {
	uid, gid := h.Uid, h.Gid
	if u.opts.Owner != nil {
		uid, gid = u.opts.Owner.UID, u.opts.Owner.GID
	}
	if uint64(uid) >= 1<<32-1 || uint64(gid) >= 1<<32-1 { // the last one would mean "leave it"
		return unix.EINVAL
	}
	if n.st.Uid != uint32(uid) || n.st.Gid != uint32(gid) {
		if err := unix.Fchownat(n.fd, "", uid, gid, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeGNUSparse {
		if err := n.setXattrs(h.PAXRecords); err != nil {
			return err
		}
	}
	if h.Typeflag != tar.TypeSymlink {
		if err := unix.Fchmodat(unix.AT_FDCWD, n.path(), uint32(h.Mode)&0o7777, 0); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		return nil // see times
	}
	return unix.UtimesNanoAt(n.fd, "", timespecs(h.AccessTime, h.ModTime), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
}

// setXattrs sets the attributes of a header, but not the overlay's own; those that
// the file system cannot hold are passed over, as in Docker.
func (n node) setXattrs(records map[string]string) error {
	for key, value := range records {
		name, ok := strings.CutPrefix(key, paxXattr)
		if !ok || strings.HasPrefix(name, "trusted.overlay.") {
			continue
		}
		if err := unix.Setxattr(n.path(), name, []byte(value), 0); err != nil && err != unix.ENOTSUP && err != unix.EPERM {
			return fault.Wrap(fault.Internal, err, "the attribute %s cannot be set", name)
		}
	}
	return nil
}
