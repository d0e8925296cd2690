package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
)

// hostile is a layer that wants something that it must not get. With refused it is an error that holds these words;
// else it is unpacked, within its directory.
type hostile struct {
	layer   []byte
	refused string
	has     []string // files that are there
}

// sparseBomb is a file of many bytes in a tar of few: GNU's old sparse format (tar's manual, "Storing Sparse Files").
func sparseBomb(size int64) []byte {
	h := make([]byte, 512)
	copy(h, "bomb")
	copy(h[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00")
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	base256 := func(at int, n int64) {
		h[at] = 0x80
		binary.BigEndian.PutUint64(h[at+4:], uint64(n))
	}
	base256(386, size) // one empty fragment at the end
	base256(398, 0)
	base256(483, size)
	copy(h[148:], "        ")
	var sum int
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(h, make([]byte, 1024)...)
}

// hostileLayers are the tricks that unpackers have fallen for; outside is a directory of the host.
func hostileLayers(t testing.TB, outside string) map[string]hostile {
	long := strings.Repeat("n", 255)
	deep := strings.Repeat(long[:200]+"/", 18)
	pax := func(records map[string]string, f file) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o644, PAXRecords: records, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
		w.Close()
		return b.Bytes()
	}
	dir, symlink, hard := byte(tar.TypeDir), byte(tar.TypeSymlink), byte(tar.TypeLink)
	return map[string]hostile{
		"a path that climbs":                 {layer: makeTar(t, file{name: "a/../../x"}), refused: "leaves the archive"},
		"a path that climbs and returns":     {layer: makeTar(t, file{name: "a/../x"}), has: []string{"x"}},
		"an absolute path":                   {layer: makeTar(t, file{name: outside + "/x"}), has: []string{outside + "/x"}},
		"a link out, and a file through it":  {layer: makeTar(t, file{name: "l", kind: symlink, link: outside}, file{name: "l/x"}), has: []string{outside + "/x"}},
		"a link up, and a file through it":   {layer: makeTar(t, file{name: "l", kind: symlink, link: "../../../../../../../../" + outside}, file{name: "l/x"}), has: []string{outside + "/x"}},
		"links in a chain":                   {layer: makeTar(t, file{name: "a", kind: symlink, link: "b"}, file{name: "b", kind: symlink, link: outside}, file{name: "a/x"})},
		"a link that is replaced by a dir":   {layer: makeTar(t, file{name: "l", kind: symlink, link: outside}, file{name: "l/", kind: dir}, file{name: "l/x"})},
		"links in a circle":                  {layer: makeTar(t, file{name: "a", kind: symlink, link: "b"}, file{name: "b", kind: symlink, link: "a"}, file{name: "a/x"}), refused: "failed to extract"},
		"a link to itself":                   {layer: makeTar(t, file{name: "a", kind: symlink, link: "a"}, file{name: "a/x"}), refused: "failed to extract"},
		"a hard link out":                    {layer: makeTar(t, file{name: "x", kind: hard, link: "../../etc/passwd"}), refused: "leaves the archive"},
		"a hard link to the host":            {layer: makeTar(t, file{name: "x", kind: hard, link: outside + "/secret"}), refused: "no such file"},
		"a hard link through a link":         {layer: makeTar(t, file{name: "l", kind: symlink, link: outside}, file{name: "x", kind: hard, link: "l/secret"}), refused: "no such file"},
		"a hard link to a link out, written": {layer: makeTar(t, file{name: "l", kind: symlink, link: outside + "/secret"}, file{name: "x", kind: hard, link: "l"}, file{name: "x", data: []byte("gone")}), has: []string{"x"}},
		"a hard link to nothing":             {layer: makeTar(t, file{name: "x", kind: hard, link: "nothing"}), refused: "no such file"},
		"a hard link to a directory":         {layer: makeTar(t, file{name: "d/", kind: dir}, file{name: "x", kind: hard, link: "d"}), refused: "operation not permitted"},
		"a whiteout that climbs":             {layer: makeTar(t, file{name: "a/.wh..."}, file{name: ".wh..."}), refused: ""},
		"a whiteout through a link":          {layer: makeTar(t, file{name: "l", kind: symlink, link: outside}, file{name: "l/.wh.secret"})},
		"an opaque mark through a link":      {layer: makeTar(t, file{name: "l", kind: symlink, link: outside}, file{name: "l/.wh..wh..opq"})},
		"a device":                           {layer: makeTar(t, file{name: "sda", kind: tar.TypeBlock}, file{name: "null", kind: tar.TypeChar}), has: []string{"sda", "null"}},
		"a file under a device":              {layer: makeTar(t, file{name: "null", kind: tar.TypeChar}, file{name: "null/x"}), refused: "failed to extract"},
		"a file that is a directory later":   {layer: makeTar(t, file{name: "x"}, file{name: "x/", kind: dir}, file{name: "x/y"}), has: []string{"x/y"}},
		"a directory that is a file later":   {layer: makeTar(t, file{name: "x/", kind: dir}, file{name: "x/y"}, file{name: "x", data: []byte("now a file")})},
		"the same file many times":           {layer: makeTar(t, append(make([]file, 0), repeated(file{name: "x", data: []byte("again")}, 500)...)...), has: []string{"x"}},
		"the root as a file":                 {layer: makeTar(t, file{name: "."}), refused: ""},
		"the root as a link":                 {layer: makeTar(t, file{name: "./", kind: symlink, link: outside}, file{name: "x"})},
		"a name as long as may be":           {layer: makeTar(t, file{name: long}), has: []string{long}},
		"a name that is too long":            {layer: makeTar(t, file{name: long + "n"}), refused: "failed to extract"},
		"a path as long as may be":           {layer: makeTar(t, file{name: deep + "x"}), refused: ""},
		"a sparse bomb":                      {layer: sparseBomb(1 << 50), refused: "are free"},
		"a huge header":                      {layer: hugeHeader(), refused: "failed to extract"},
		"attributes of the overlay":          {layer: pax(map[string]string{"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.trusted.overlay.opaque": "y"}, file{name: "x"}), refused: ""},
		"an attribute without a name":        {layer: pax(map[string]string{"SCHILY.xattr.": "x"}, file{name: "x"}), refused: ""},
		"a negative owner":                   {layer: pax(map[string]string{"uid": "-1"}, file{name: "x"}), refused: ""},
		"a time that no file has":            {layer: pax(map[string]string{"mtime": "99999999999999999"}, file{name: "x"}), refused: ""},
	}
}

func repeated(f file, n int) []file {
	var out []file
	for range n {
		out = append(out, f)
	}
	return out
}

// hugeHeader is a pax header that says it has a gigabyte of records.
func hugeHeader() []byte {
	h := make([]byte, 512)
	copy(h, "././@PaxHeader")
	copy(h[100:], "0000644\x000000000\x000000000\x0007777777777\x0000000000000\x00")
	h[156] = 'x'
	copy(h[257:], "ustar\x0000")
	copy(h[148:], "        ")
	var sum int
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(h, bytes.Repeat([]byte("30 path=aaaaaaaaaaaaaaaaaaaaa\n"), 100_000)...)
}

// The corpus: whatever a layer tries, nothing of the host changes, what is refused leaves nothing behind, and the store
// takes the next image.
func TestNoLayerReachesTheHost(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("of the host"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	ctx := context.Background()
	small(t, s, "bystander:1")
	for what, h := range hostileLayers(t, outside) {
		before := state(t, s)
		lower := makeTar(t, file{name: "below/", kind: tar.TypeDir}, file{name: "below/file"})
		_, err := s.Load(ctx, bytes.NewReader(legacyArchive(t, []string{"x:1"}, lower, h.layer)), LoadOptions{})
		switch {
		case err != nil && h.has != nil, err == nil && h.refused != "", err != nil && !strings.Contains(err.Error(), h.refused):
			t.Errorf("%s: %v", what, err)
		case err != nil && !fault.Is(err, fault.Invalid) && what != "a sparse bomb" && what != "a hard link to a directory": // for want of room or rights
			t.Errorf("%s: an error of kind %v: %v", what, fault.KindOf(err), err)
		case err == nil:
			img, err := s.Get(ctx, "x:1")
			if err != nil {
				t.Fatal(err)
			}
			dirs, err := s.Layers(ctx, img.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range h.has {
				if _, err := os.Lstat(filepath.Join(dirs[0], name)); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if _, err := s.Remove(ctx, "x:1", RemoveOptions{}); err != nil {
				t.Error(err)
			}
		}
		if after := state(t, s); after != before {
			t.Errorf("%s left behind:\n%s", what, after)
		}
		var seen []string
		err = filepath.WalkDir(outside, func(path string, _ fs.DirEntry, err error) error {
			seen = append(seen, path)
			return err
		})
		info, statErr := os.Stat(secret)
		if got, readErr := os.ReadFile(secret); err != nil || statErr != nil || readErr != nil || len(seen) != 2 || string(got) != "of the host" || info.Mode() != 0o600 {
			t.Fatalf("%s: the host has %q, %q", what, seen, got)
		}
	}
}
