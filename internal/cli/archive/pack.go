package archive

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Pack writes a source of this machine as a tar, with name for its first name.
// Sockets, which a tar cannot hold, are left out as everywhere.
func Pack(w io.Writer, from Place, name string) error {
	root, err := os.OpenRoot(from.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	start := from.Base
	if os.IsPathSeparator(start[0]) {
		start = "."
	}
	p := &packer{root: root, tar: tar.NewWriter(w), links: map[inode]string{}}
	if err := p.walk(start, name); err != nil {
		return err
	}
	return p.tar.Close()
}

type packer struct {
	root  *os.Root
	tar   *tar.Writer
	links map[inode]string // files with several names, by the first one
}

// walk packs what at is, and what is in it. It follows no link, not even the
// first, unlike fs.WalkDir.
func (p *packer) walk(at, name string) error {
	info, err := p.root.Lstat(at)
	if err != nil {
		return err
	}
	if err := p.add(at, name, info); err != nil || !info.IsDir() {
		return err
	}
	entries, err := fs.ReadDir(p.root.FS(), filepath.ToSlash(at))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := p.walk(filepath.Join(at, e.Name()), name+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) add(at, name string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	h, err := p.header(at, name, info)
	if err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg || h.Size == 0 {
		return p.tar.WriteHeader(h)
	}
	f, err := p.root.Open(at)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	// Somebody may have put another file in its place.
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) {
		return fmt.Errorf("%s was replaced while it was copied", path.Join(p.root.Name(), at))
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(p.tar, f)
	return err
}

func (p *packer) header(at, name string, info fs.FileInfo) (*tar.Header, error) {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = p.root.Readlink(at); err != nil {
			return nil, err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	h.Name, h.Format = name, tar.FormatPAX
	if info.IsDir() {
		h.Name += "/"
	}
	// Names of users mean nothing elsewhere, and times finer than seconds would
	// give every file a header more.
	h.Uname, h.Gname = "", ""
	h.ModTime, h.AccessTime, h.ChangeTime = h.ModTime.Truncate(time.Second), time.Time{}, time.Time{}
	if id, several := inodeOf(info); several && h.Typeflag == tar.TypeReg {
		if first, ok := p.links[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			p.links[id] = name
		}
	}
	return h, p.attributes(at, h)
}
