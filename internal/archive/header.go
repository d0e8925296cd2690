//go:build linux

package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// paxXattr begins the name of a pax record that holds an extended attribute.
const paxXattr = "SCHILY.xattr."

// header is a node's header as Docker writes it: pax, whole seconds, owners by number, and the kind
// of the file in the mode as well. It is nil for sockets, which a tar cannot hold.
func header(n node, name string) (*tar.Header, error) {
	st := &n.st
	h := &tar.Header{
		Format: tar.FormatPAX, Name: name, Mode: int64(st.Mode), Uid: int(st.Uid), Gid: int(st.Gid),
		ModTime: time.Unix(st.Mtim.Sec, 0),
	}
	var err error
	switch n.kind() {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFDIR:
		h.Typeflag = tar.TypeDir
		if !strings.HasSuffix(name, "/") {
			h.Name += "/"
		}
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		h.Linkname, err = n.link()
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if n.kind() == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h.PAXRecords, err = n.xattrs()
	return h, err
}

// xattrs are the extended attributes that are a file's own: capabilities, as in
// Docker, and a user's. A name with "=" has no place in a pax record and is left out.
func (n node) xattrs() (map[string]string, error) {
	if n.kind() != unix.S_IFREG && n.kind() != unix.S_IFDIR {
		return nil, nil
	}
	names, err := listXattrs(n.path())
	if err != nil {
		return nil, err
	}
	var records map[string]string
	for name := range bytes.SplitSeq(names, []byte{0}) {
		key := string(name)
		if key != "security.capability" && !strings.HasPrefix(key, "user.") || strings.Contains(key, "=") {
			continue
		}
		value, err := n.xattr(key)
		if err != nil {
			return nil, err
		}
		if records == nil {
			records = map[string]string{}
		}
		records[paxXattr+key] = value
	}
	return records, nil
}

func listXattrs(path string) ([]byte, error) {
	var small [512]byte
	for buf := small[:]; ; {
		got, err := unix.Listxattr(path, buf)
		switch {
		case err == nil:
			return buf[:got], nil
		case err == unix.ENOTSUP:
			return nil, nil
		case err != unix.ERANGE:
			return nil, err
		}
		buf = make([]byte, 64<<10) // XATTR_LIST_MAX
	}
}

func (n node) xattr(name string) (string, error) {
	var small [256]byte
	for buf := small[:]; ; {
		got, err := unix.Getxattr(n.path(), name, buf)
		switch {
		case err == nil:
			return string(buf[:got]), nil
		case errors.Is(err, unix.ENODATA) || err == unix.ENOTSUP:
			return "", nil
		case err != unix.ERANGE:
			return "", err
		}
		buf = make([]byte, 64<<10) // XATTR_SIZE_MAX
	}
}
