package unpack

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"berth/internal/linux/mount"

	"golang.org/x/sys/unix"
)

const (
	// blockSize is what a hole is made of.
	blockSize = 4 << 10
	// leastHole is the least run of zeros that becomes one: shorter ones cost more in extents than they give back.
	leastHole = 64 << 10
)

// holes gives files of a layer the holes back that a tar does not tell of, or tells of in a way that is lost when they are
// written: what passes as zeros is noted as it is read, and taken out of the file when it is complete. That is mostly
// before the kernel has begun to write it to the disk.
type holes struct {
	root *os.File // the layer's directory
	r    io.Reader
	run  int // zeros that were read last
	due  bool
	last *tar.Header
}

// Read notes whether there is a run of zeros.
func (h *holes) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	for chunk := p[:n]; len(chunk) > 0 && !h.due; {
		part := chunk[:min(len(chunk), 512)] // a tar's content begins at a multiple of 512
		chunk = chunk[len(part):]
		if !blank(part) {
			h.run = 0
		} else if h.run += len(part); h.run >= leastHole {
			h.due = true
		}
	}
	return n, err
}

// blank reports whether there is nothing but zeros; there is a byte at least.
func blank(p []byte) bool { return p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1]) }

// next is called when the header of the next entry has been read, and with nil at the end.
func (h *holes) next(header *tar.Header) error {
	file, due := h.last, h.due
	h.last, h.due, h.run = nil, false, 0
	if file != nil && (due || sparse(file)) {
		if err := h.punch(file); err != nil {
			return err
		}
	}
	if header == nil {
		return nil
	}
	if header.Typeflag == tar.TypeGNUSparse {
		header.Typeflag = tar.TypeReg // what is read of it is the whole file
		header.PAXRecords = map[string]string{oldSparse: "1"}
	}
	if header.Typeflag == tar.TypeReg && header.Size >= leastHole {
		of := *header
		h.last = &of
	}
	return nil
}

// oldSparse marks a file in the way that new archives do.
const oldSparse = "GNU.sparse.major"

// sparse tells a file whose header says that it has holes.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// punch makes holes of the zeros of a file that has just been written. Whatever the name leads to within the layer, its
// content does not change.
func (h *holes) punch(header *tar.Header) error {
	f, err := mount.OpenIn(h.root, header.Name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return nil //nolint:nilerr // a whiteout, or another name of it: then it has no holes
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return err
	}
	err = zeroRuns(f, func(at, size int64) error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, size)
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil // the file system has none
	}
	if err != nil {
		return err
	}
	// The kernel takes that for a write: it takes away capabilities, and gives a new time.
	if capabilities, ok := header.PAXRecords["SCHILY.xattr.security.capability"]; ok {
		if err := unix.Fsetxattr(int(f.Fd()), "security.capability", []byte(capabilities), 0); err != nil && err != unix.ENOTSUP {
			return os.NewSyscallError("fsetxattr", err)
		}
	}
	if err := unix.Fchmod(int(f.Fd()), st.Mode&0o7777); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	return os.NewSyscallError("utimensat", unix.UtimesNanoAt(int(f.Fd()), "", []unix.Timespec{st.Atim, st.Mtim}, unix.AT_EMPTY_PATH))
}

// zeroRuns calls fn for the runs of zeros in a file that are long enough to be holes, but for those that are holes already.
func zeroRuns(f *os.File, fn func(at, size int64) error) error {
	buf := make([]byte, 1<<20)
	var from, at int64 // a run of zeros goes from from to at
	for {
		n, err := f.ReadAt(buf, at)
		for chunk := buf[:n]; len(chunk) > 0; {
			part := chunk[:min(len(chunk), blockSize)]
			chunk = chunk[len(part):]
			if !blank(part) {
				if at-from >= leastHole {
					if err := fn(from, at-from); err != nil {
						return err
					}
				}
				from = at + int64(len(part))
			}
			at += int64(len(part))
		}
		if err == io.EOF {
			if at-from >= leastHole {
				return fn(from, at-from)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
