//go:build linux

package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lab is a root with a secret beside it.
type lab struct {
	t       *testing.T
	dir     string // the root
	outside string // beside it, with the file "secret"
	root    *os.File
}

func newLab(t *testing.T) lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: files get owners")
	}
	base := t.TempDir()
	l := lab{t: t, dir: filepath.Join(base, "root"), outside: filepath.Join(base, "outside")}
	l.must(os.Mkdir(l.dir, 0o755))
	l.must(os.Mkdir(l.outside, 0o755))
	l.must(os.WriteFile(l.outside+"/secret", []byte("of the host"), 0o600))
	root, err := os.OpenFile(l.dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	l.must(err)
	l.root = root
	t.Cleanup(func() { root.Close() })
	return l
}

func (l lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// make makes files in the root: "dir/", "file=content", "link->target".
func (l lab) make(specs ...string) {
	l.t.Helper()
	for _, s := range specs {
		if name, target, ok := strings.Cut(s, "->"); ok {
			l.must(os.Symlink(target, filepath.Join(l.dir, name)))
		} else if name, text, ok := strings.Cut(s, "="); ok {
			l.must(os.MkdirAll(filepath.Dir(filepath.Join(l.dir, name)), 0o755))
			l.must(os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644))
		} else {
			l.must(os.MkdirAll(filepath.Join(l.dir, s), 0o755))
		}
	}
}

// pack is the stream of what a path names.
func (l lab) pack(name string) ([]byte, error) {
	l.t.Helper()
	r, err := Locate(l.root, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out bytes.Buffer
	err = r.Pack(NewPacker(context.Background(), &out))
	return out.Bytes(), err
}

func (l lab) unpack(dir string, stream []byte, opts UnpackOptions) error {
	return Unpack(context.Background(), l.root, dir, bytes.NewReader(stream), opts)
}

// unharmed fails when anything beside the root has changed.
func (l lab) unharmed() {
	l.t.Helper()
	entries, err := os.ReadDir(l.outside)
	l.must(err)
	text, err := os.ReadFile(l.outside + "/secret")
	var st unix.Stat_t
	l.must(unix.Lstat(l.outside+"/secret", &st))
	if len(entries) != 1 || string(text) != "of the host" || err != nil || st.Nlink != 1 || st.Mode&0o7777 != 0o600 || st.Uid != 0 {
		l.t.Errorf("what lies outside was changed: %v %q %v %+v", entries, text, err, st)
	}
}

// tree is what is in the root, one line each.
func (l lab) tree() string {
	l.t.Helper()
	var out []string
	l.must(filepath.WalkDir(l.dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || name == l.dir {
			return err
		}
		line := strings.TrimPrefix(name, l.dir)
		switch {
		case e.IsDir():
			line += "/"
		case e.Type()&os.ModeSymlink != 0:
			to, _ := os.Readlink(name)
			line += "->" + to
		case e.Type().IsRegular():
			text, _ := os.ReadFile(name)
			line += "=" + string(text)
		default:
			line += " " + e.Type().String()
		}
		out = append(out, line)
		return nil
	}))
	return strings.Join(out, " ")
}

// stream is a tar with these headers; a file's content is its Linkname.
func stream(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		body := ""
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			body, h.Linkname, h.Size = h.Linkname, "", int64(len(h.Linkname))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// names are the entries of a stream: name, kind and what it links to.
func names(t *testing.T, stream []byte) string {
	t.Helper()
	var out []string
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(out, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		line := h.Name
		switch h.Typeflag {
		case tar.TypeSymlink:
			line += "->" + h.Linkname
		case tar.TypeLink:
			line += "=>" + h.Linkname
		case tar.TypeChar, tar.TypeBlock:
			line += fmt.Sprintf("#%c%d,%d", h.Typeflag, h.Devmajor, h.Devminor)
		case tar.TypeFifo:
			line += "|"
		}
		out = append(out, line)
	}
}

func sorted(s string) string {
	parts := strings.Fields(s)
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func headerWith(name string, records map[string]string) tar.Header {
	return tar.Header{Name: name, Linkname: "1", PAXRecords: records, Format: tar.FormatPAX}
}
