//go:build linux

package archive

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Packer writes files into a tar stream. It keeps one descriptor for each level that
// it is down in the tree, and of the files only their names: the size of a file costs no memory.
type Packer struct {
	// Entry may leave an entry out, with all below it, or have another header follow
	// its own; nil takes all as they are.
	Entry func(e Entry) (after *tar.Header, kept bool, err error)

	ctx  context.Context
	tar  *tar.Writer
	seen map[inode]string // the first name of files with several
	buf  []byte
}

type inode struct{ dev, ino uint64 }

// Entry is what a Packer is about to write.
type Entry struct {
	Header *tar.Header
	node   node
}

// NewPacker returns a Packer that writes to w until ctx is done.
func NewPacker(ctx context.Context, w io.Writer) *Packer {
	return &Packer{ctx: ctx, tar: tar.NewWriter(w), seen: map[inode]string{}, buf: make([]byte, 128<<10)}
}

// Pack writes a resource with all that is below it: its name in the stream is the
// one that it was asked for by.
func (r *Resource) Pack(p *Packer) error {
	name := r.Name
	if err := p.add(int(r.dir.Fd()), r.base, name); err != nil {
		return err
	}
	return p.Close()
}

// Below writes all that is in a directory, but not the directory.
func (p *Packer) Below(dir *os.File) error { return p.children(int(dir.Fd()), "") }

// Write writes a header for which there is no file.
func (p *Packer) Write(h *tar.Header) error { return p.tar.WriteHeader(h) }

// Close writes the end of the stream.
func (p *Packer) Close() error { return p.tar.Close() }

// nameLimit bounds how deep a tree may be: longer paths than this cannot be given to any system
// call, and a container can still make them, step by step.
const nameLimit = 4095

// add writes what a name in a directory is, and all below it. What is gone by now is left out.
func (p *Packer) add(dir int, base, name string) error {
	if err := p.ctx.Err(); err != nil {
		return fault.As(fault.Cancelled, err)
	}
	if len(name) > nameLimit {
		return fault.New(fault.Invalid, "the tree is too deep to be copied: %s… has a path of more than %d bytes", name[:64], nameLimit)
	}
	n, err := openNode(dir, base)
	if err != nil {
		return missing(err)
	}
	defer n.close()
	h, err := header(n, name)
	if h == nil || err != nil {
		return err
	}
	var after *tar.Header
	if p.Entry != nil {
		var kept bool
		if after, kept, err = p.Entry(Entry{Header: h, node: n}); !kept || err != nil {
			return err
		}
	}
	p.link(h, n)
	if h.Typeflag == tar.TypeReg {
		return p.file(n, h)
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	if after != nil {
		if err := p.tar.WriteHeader(after); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		return p.children(n.fd, name)
	}
	return nil
}

// link makes a link of what was written under another name.
func (p *Packer) link(h *tar.Header, n node) {
	if n.st.Nlink < 2 || h.Typeflag == tar.TypeDir {
		return
	}
	id := inode{n.st.Dev, n.st.Ino}
	if first, ok := p.seen[id]; ok {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
	} else {
		p.seen[id] = h.Name
	}
}

func (p *Packer) children(dir int, name string) error {
	fd, err := openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return missing(err)
	}
	d := os.NewFile(uintptr(fd), name)
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	if name != "" && name != "/" {
		name += "/"
	}
	for _, child := range names {
		if err := p.add(fd, child, name+child); err != nil {
			return err
		}
	}
	return nil
}

// file writes a file's content: as much as its header says, even when it grows
// meanwhile; what a shrinking one lacks is zeros.
func (p *Packer) file(n node, h *tar.Header) error {
	fd, err := unix.Open(n.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0) // it is known to be a regular file
	if err != nil {
		return &os.PathError{Op: "open", Path: h.Name, Err: err}
	}
	f := os.NewFile(uintptr(fd), h.Name)
	defer f.Close()
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	left := h.Size
	for left > 0 {
		if err := p.ctx.Err(); err != nil {
			return fault.As(fault.Cancelled, err)
		}
		got, err := f.Read(p.buf[:min(int64(len(p.buf)), left)])
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF {
			break
		}
		if _, err := p.tar.Write(p.buf[:got]); err != nil {
			return err
		}
		left -= int64(got)
	}
	clear(p.buf)
	for left > 0 {
		got, err := p.tar.Write(p.buf[:min(int64(len(p.buf)), left)])
		if err != nil {
			return err
		}
		left -= int64(got)
	}
	return nil
}

// missing is nil for what is no longer there.
func missing(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}
