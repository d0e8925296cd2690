package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Unpack writes a tar into a directory of this machine. All of its entries have
// to be below from, which becomes name; where from is "." or "/" any will do.
//
// The tar may come from a container that wants out. Names are resolved below
// the directory by descriptors (os.Root), never through a symbolic link, be it
// one of the tar's or one that was there; nothing is written beside name.
func Unpack(r io.Reader, dir, from, name string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	u := &unpacker{root: root, dir: dir, from: from, name: name, known: map[string]bool{".": true}}
	if err := u.entries(tar.NewReader(r)); err != nil {
		// What has come so far is left as it was meant to be.
		return errors.Join(err, u.finish())
	}
	return u.finish()
}

type unpacker struct {
	root            *os.Root
	dir, from, name string
	known           map[string]bool // directories that nothing of the tar can replace any more
	dirs            []*tar.Header   // made by us; their rights and times are set at the end
}

func (u *unpacker) entries(in *tar.Reader) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, in); err != nil {
			return err
		}
	}
}

// place translates a name of the tar into one below the root.
func (u *unpacker) place(name string) (string, error) {
	if slices.Contains(strings.Split(filepath.ToSlash(name), "/"), "..") {
		return "", fmt.Errorf("%q is outside of %q", name, u.dir)
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if u.from != "." && u.from != "/" {
		first, rest, _ := strings.Cut(clean, "/")
		if first != u.from {
			return "", fmt.Errorf("%q is no part of %q", name, u.from)
		}
		clean = rest
	}
	at := path.Join(u.name, clean)
	if at == "/" {
		at = "."
	}
	at = strings.TrimPrefix(at, "/")
	if !filepath.IsLocal(filepath.FromSlash(at)) {
		return "", fmt.Errorf("%q is outside of %q", name, u.dir)
	}
	return at, nil
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	at, err := u.place(h.Name)
	if err != nil {
		return err
	}
	if err := u.parents(path.Dir(at)); err != nil {
		return err
	}
	there, err := u.root.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case there.IsDir() && h.Typeflag == tar.TypeDir:
		u.known[at] = true
		if at != "." {
			u.later(h, at)
		}
		return nil
	case there.IsDir():
		return fmt.Errorf("cannot overwrite directory %q with non-directory %q", u.local(at), u.dir)
	case h.Typeflag == tar.TypeDir:
		return fmt.Errorf("cannot overwrite non-directory %q with directory %q", u.local(at), u.dir)
	default:
		if err := u.root.Remove(at); err != nil {
			return err
		}
	}
	return u.create(h, at, content)
}

func (u *unpacker) local(at string) string { return filepath.Join(u.dir, filepath.FromSlash(at)) }

// parents makes the directories above an entry that are missing, and refuses
// those that are not directories themselves.
func (u *unpacker) parents(dir string) error {
	if u.known[dir] {
		return nil
	}
	if err := u.parents(path.Dir(dir)); err != nil {
		return err
	}
	there, err := u.root.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = u.root.Mkdir(dir, 0o755)
	case err == nil && !there.IsDir():
		err = fmt.Errorf("%q is not a directory", u.local(dir))
	}
	if err == nil {
		u.known[dir] = true
	}
	return err
}

func (u *unpacker) create(h *tar.Header, at string, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.Mkdir(at, 0o700); err != nil {
			return err
		}
		u.known[at] = true
		u.later(h, at)
		return nil
	case tar.TypeReg:
		return u.file(h, at, content)
	case tar.TypeLink:
		target, err := u.place(h.Linkname)
		if err != nil {
			return err
		}
		if err := u.parents(path.Dir(target)); err != nil {
			return err
		}
		return u.root.Link(target, at)
	case tar.TypeSymlink:
		// It would not be followed here, but by whoever opens it later.
		if !path.IsAbs(h.Linkname) && escapes(path.Dir(at), h.Linkname) {
			return fmt.Errorf("invalid symlink %q -> %q", u.local(at), h.Linkname)
		}
		if err := u.root.Symlink(h.Linkname, at); err != nil {
			return err
		}
		return u.linkTimes(at, h)
	case tar.TypeBlock, tar.TypeChar, tar.TypeFifo:
		if err := u.node(at, h); err != nil {
			return err
		}
		if err := u.root.Chmod(at, h.FileInfo().Mode()); err != nil {
			return err
		}
		return u.linkTimes(at, h)
	}
	return fmt.Errorf("unhandled tar header type %d", h.Typeflag)
}

// escapes reports a relative link in dir whose target is above the root.
func escapes(dir, link string) bool {
	to := path.Join(dir, link)
	return to == ".." || strings.HasPrefix(to, "../")
}

func (u *unpacker) file(h *tar.Header, at string, content io.Reader) (err error) {
	f, err := u.root.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = u.root.Chtimes(at, accessed(h), h.ModTime)
		}
	}()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	if err := setAttributes(f, h); err != nil {
		return err
	}
	return f.Chmod(h.FileInfo().Mode())
}

// later notes a directory whose rights and times can only be set when everything
// is in it.
func (u *unpacker) later(h *tar.Header, at string) {
	d := *h
	d.Name = at
	u.dirs = append(u.dirs, &d)
}

func (u *unpacker) finish() error {
	for _, h := range slices.Backward(u.dirs) {
		if err := u.root.Chmod(h.Name, h.FileInfo().Mode()); err != nil {
			return err
		}
		if err := u.root.Chtimes(h.Name, accessed(h), h.ModTime); err != nil {
			return err
		}
	}
	return nil
}

// accessed is the later of an entry's two times: nothing was read before it was
// written.
func accessed(h *tar.Header) time.Time {
	if h.AccessTime.After(h.ModTime) {
		return h.AccessTime
	}
	return h.ModTime
}
