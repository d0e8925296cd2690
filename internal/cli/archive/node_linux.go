package archive

import (
	"archive/tar"
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// capabilities is the attribute by which a program has rights of its own; the
// only one that cp carries.
const capabilities = "security.capability"

const paxAttribute = "SCHILY.xattr."

// node makes a device or a pipe.
func (u *unpacker) node(at string, h *tar.Header) error {
	kind := uint32(unix.S_IFIFO)
	switch h.Typeflag {
	case tar.TypeBlock:
		kind = unix.S_IFBLK
	case tar.TypeChar:
		kind = unix.S_IFCHR
	}
	return u.inParent(at, func(dir int, base string) error {
		return unix.Mknodat(dir, base, kind|uint32(h.Mode&0o7777), int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	})
}

// linkTimes sets the times of an entry that must not be followed or opened.
func (u *unpacker) linkTimes(at string, h *tar.Header) error {
	return u.inParent(at, func(dir int, base string) error {
		times := []unix.Timespec{unix.NsecToTimespec(accessed(h).UnixNano()), unix.NsecToTimespec(h.ModTime.UnixNano())}
		return unix.UtimesNanoAt(dir, base, times, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// inParent calls do with a descriptor of the directory that an entry is in.
func (u *unpacker) inParent(at string, do func(dir int, base string) error) error {
	dir, err := u.root.Open(path.Dir(at))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := do(int(dir.Fd()), path.Base(at)); err != nil {
		return &os.PathError{Op: "create", Path: u.local(at), Err: err}
	}
	return nil
}

// setAttributes gives a program the rights that it had. Without the right to
// give them, or on a file system that has none, it goes without.
func setAttributes(f *os.File, h *tar.Header) error {
	v, ok := h.PAXRecords[paxAttribute+capabilities]
	if !ok {
		return nil
	}
	err := unix.Fsetxattr(int(f.Fd()), capabilities, []byte(v), 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// attributes adds the rights of a program to its header.
func (p *packer) attributes(at string, h *tar.Header) error {
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := p.root.Open(at)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 64) // more than version 3 of the attribute has
	n, err := unix.Fgetxattr(int(f.Fd()), capabilities, buf)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return nil
	case err != nil:
		return &os.PathError{Op: "getxattr", Path: path.Join(p.root.Name(), at), Err: err}
	}
	h.PAXRecords = map[string]string{paxAttribute + capabilities: string(buf[:n])}
	return nil
}
