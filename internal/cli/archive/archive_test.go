package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tree makes files below a new directory: a name that ends in a slash is a
// directory, a body that begins with -> a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at, body := filepath.Join(dir, name), files[name]
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		switch to, link := strings.CutPrefix(body, "->"); {
		case strings.HasSuffix(name, "/"):
			err = errors.Join(err, os.MkdirAll(at, 0o755))
		case link:
			err = errors.Join(err, os.Symlink(to, at))
		default:
			err = errors.Join(err, os.WriteFile(at, []byte(body), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listing is the opposite of tree.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || at == dir {
			return err
		}
		name, _ := filepath.Rel(dir, at)
		switch {
		case d.IsDir():
			files[name+"/"] = ""
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(at)
			files[name] = "->" + to
			return err
		default:
			b, err := os.ReadFile(at)
			files[name] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWhatIsPackedIsUnpackedTheSame(t *testing.T) {
	files := map[string]string{"d/": "", "d/a": "one", "d/e/": "", "d/e/b": "two", "d/l": "->a", "d/abs": "->/nowhere"}
	dir := tree(t, files)
	if err := os.Chmod(filepath.Join(dir, "d/e"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "d/a"), filepath.Join(dir, "d/z")); err != nil {
		t.Fatal(err)
	}
	then := time.Unix(1_000_000_000, 0)
	if err := os.Chtimes(filepath.Join(dir, "d/a"), then, then); err != nil {
		t.Fatal(err)
	}
	files["d/z"] = "one"
	from, err := Source(filepath.Join(dir, "d"), false)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Pack(&b, from, "d"); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := Unpack(&b, out, "d", "d"); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, out); !maps.Equal(got, files) {
		t.Errorf("got %v", got)
	}
	e, err := os.Stat(filepath.Join(out, "d/e"))
	if err != nil || e.Mode().Perm() != 0o500 {
		t.Errorf("the directory's mode is %v (%v)", e.Mode(), err)
	}
	a, _ := os.Stat(filepath.Join(out, "d/a"))
	z, _ := os.Stat(filepath.Join(out, "d/z"))
	if !a.ModTime().Equal(then) || !os.SameFile(a, z) {
		t.Errorf("the file is of %v, and one with its second name: %v", a.ModTime(), os.SameFile(a, z))
	}
}

// copied plans, packs and unpacks from one place of this machine to another,
// with the rules of cp.
func copied(from, to string, follow bool) error {
	source, err := Source(from, follow)
	if err != nil {
		return err
	}
	target, err := Target(to)
	if err != nil {
		return err
	}
	dir, name, err := Plan(source, target)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := Pack(&b, source, name); err != nil {
		return err
	}
	return Unpack(&b, dir, name, name)
}

func TestPathsMeanWhatTheyMeanToCp(t *testing.T) {
	const there = "dst/"
	for _, c := range []struct {
		from, to, follow, want string // want lists what is new or changed, or is an error
	}{
		{"f", "new", "", "new=F"},
		{"f", "dst", "", "dst/f=F"},
		{"f", "dst/", "", "dst/f=F"},
		{"f", "old", "", "old=F"},
		{"f", "new/", "", "no such directory"},
		{"f", "gone/new", "", "no such file or directory"},
		{"f", "tofile", "", "old=F"},
		{"f", "todir", "", "dst/f=F"},
		{"f", "tonew", "", "fresh=F"},
		{"f", "f/x", "", "not a directory"},
		{"d", "new", "", "new/= new/a=A"},
		{"d", "new/", "", "new/= new/a=A"},
		{"d", "dst", "", "dst/d/= dst/d/a=A"},
		{"d/", "dst", "", "dst/d/= dst/d/a=A"},
		{"d/.", "dst", "", "dst/a=A"},
		{"d/.", "new", "", "new/= new/a=A"},
		{"d/.", "dst/.", "", "dst/a=A"},
		{"d", "old", "", "cannot copy directory"},
		{"d/.", "old", "", "cannot copy directory"},
		{"l", "new", "", "new=->f"},
		{"l", "dst", "", "dst/l=->f"},
		{"l", "dst", "follow", "dst/l=F"},
		{"l", "new", "follow", "new=F"},
		{"ld", "dst", "", "dst/ld=->d"},
		{"ld/", "dst", "", "dst/ld/= dst/ld/a=A"},
		{"ld", "dst", "follow", "dst/ld/= dst/ld/a=A"},
		{"ld/.", "dst", "", "dst/a=A"},
		{"ld/.", "dst", "follow", "dst/a=A"},
		{"f/", "dst", "", "not a directory"},
		{"none", "dst", "", "no such file or directory"},
	} {
		files := map[string]string{
			"f": "F", "d/": "", "d/a": "A", "l": "->f", "ld": "->d", there: "", "old": "old",
			"tofile": "->old", "todir": "->dst", "tonew": "->fresh",
		}
		dir := tree(t, files)
		abs := func(p string) string { return dir + "/" + p }
		err := copied(abs(c.from), abs(c.to), c.follow != "")
		var got []string
		after := listing(t, dir)
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if before, ok := files[name]; !ok || before != after[name] {
				got = append(got, name+"="+after[name])
			}
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != c.want && (err == nil || !strings.Contains(text, c.want)) {
			t.Errorf("cp %s %s %s: %s, want %s", c.from, c.to, c.follow, text, c.want)
		}
	}
}

// entries makes a tar.
func entries(list ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range list {
		body := ""
		if h.Typeflag == tar.TypeReg {
			body = "evil"
		}
		h.Size, h.Mode = int64(len(body)), 0o644
		_ = w.WriteHeader(&h)
		_, _ = io.WriteString(w, body)
	}
	_ = w.Close()
	return b.Bytes()
}

func reg(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
func dir(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir} }
func link(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}
}
func hard(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeLink}
}

func TestATarThatWantsOutWritesNothingElsewhere(t *testing.T) {
	for what, c := range map[string]struct {
		from, name string
		tar        []byte
	}{
		"a name that goes up":                  {"d", "d", entries(dir("d/"), reg("d/../../x"))},
		"a name that goes up at once":          {".", ".", entries(reg("../x"))},
		"a name beside what was asked for":     {"d", "d", entries(dir("d/"), reg("bashrc"))},
		"a file beside the one asked for":      {"f", "g", entries(reg("f"), reg("victim"))},
		"an absolute name beside it":           {"d", "d", entries(reg("/victim"))},
		"a link that goes up":                  {"d", "d", entries(dir("d/"), link("d/l", "../../x"))},
		"a way through a link upwards":         {"d", "d", entries(dir("d/"), link("d/l", ".."), reg("d/l/victim"))},
		"a way through an absolute link":       {"d", "d", entries(dir("d/"), link("d/l", "/tmp"), reg("d/l/berth-evil"))},
		"a way through a link that was there":  {"there", "there", entries(dir("there/"), reg("there/out/x"))},
		"a hard link to something outside":     {"d", "d", entries(dir("d/"), hard("d/h", "victim"), reg("d/h"))},
		"a hard link upwards":                  {"d", "d", entries(dir("d/"), hard("d/h", "d/../../victim"))},
		"a hard link through a link":           {"d", "d", entries(dir("d/"), link("d/l", "../there"), hard("d/h", "d/l/out/x"))},
		"a directory in the place of a file":   {"d", "victim", entries(dir("d/"))},
		"a file in the place of a directory":   {"f", "there", entries(reg("f"))},
		"a file below a file":                  {"d", "d", entries(dir("d/"), reg("d/f"), reg("d/f/x"))},
		"a link in the place of its directory": {"d", "d", entries(dir("d/"), link("d", "there"))},
		"an entry of no known kind":            {"d", "d", entries(dir("d/"), tar.Header{Name: "d/x", Typeflag: 'Z'})},
	} {
		outside := tree(t, map[string]string{"x": "mine"})
		files := map[string]string{"in/victim": "mine", "in/": "", "in/there/": "", "in/there/out": "->" + outside}
		root := tree(t, files)
		err := Unpack(bytes.NewReader(c.tar), filepath.Join(root, "in"), c.from, c.name)
		if err == nil {
			t.Errorf("%s: no error", what)
		}
		after := listing(t, root)
		for name, body := range files {
			if after[name] != body {
				t.Errorf("%s: %s has become %q", what, name, after[name])
			}
		}
		for name := range after {
			inside := strings.HasPrefix(name, "in/d/") || name == "in/g"
			if _, was := files[name]; !was && !inside {
				t.Errorf("%s: %s is new (%v)", what, name, err)
			}
		}
		if got := listing(t, outside); !maps.Equal(got, map[string]string{"x": "mine"}) {
			t.Errorf("%s: outside there is %v", what, got)
		}
	}
}

func TestAFileThatGivesWayIsReplacedAndNotWrittenThrough(t *testing.T) {
	root := tree(t, map[string]string{"real": "mine", "name": "->real", "twin": "mine"})
	if err := os.Link(filepath.Join(root, "twin"), filepath.Join(root, "other")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"name", "other"} {
		if err := Unpack(bytes.NewReader(entries(reg("f"))), root, "f", name); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"real": "mine", "name": "evil", "twin": "mine", "other": "evil"}
	if got := listing(t, root); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestASourceThatIsALinkKeepsItsName(t *testing.T) {
	for _, c := range []struct{ path, target, ask, base, name string }{
		{"/a/l", "f", "/a/f", "f", "l"},
		{"/a/l", "/b/f", "/b/f", "f", "l"},
		{"/a/l/", "d", "/a/d/", "d", "l"},
		{"/a/l/.", "/d", "/d/.", ".", "."},
		{"/a/l", "../l", "/l", "l", "l"},
	} {
		p := FollowedTo(c.path, c.target)
		if p.Path != c.ask || p.Base != c.base || p.Name() != c.name {
			t.Errorf("%s -> %s: %+v, name %s", c.path, c.target, p, p.Name())
		}
	}
}

// FuzzUnpack wants that no tar changes anything outside of its name.
func FuzzUnpack(f *testing.F) {
	f.Add(entries(dir("d/"), link("d/l", ".."), reg("d/l/x")), "d", "d")
	f.Add(entries(reg("f"), hard("f", "../x")), "f", "g")
	f.Add(entries(reg("../../x")), ".", ".")
	f.Fuzz(func(t *testing.T, b []byte, from, name string) {
		if from == "" || name == "" || strings.ContainsAny(name, "/\x00") || name == ".." {
			return
		}
		files := map[string]string{"victim": "mine", "in/": "", "in/victim2": "mine"}
		root := tree(t, files)
		if err := os.Chmod(root, 0o500); err != nil {
			t.Fatal(err)
		}
		_ = Unpack(bytes.NewReader(b), filepath.Join(root, "in"), from, name)
		_ = os.Chmod(root, 0o700)
		names, err := os.ReadDir(root)
		if err != nil || len(names) != 2 {
			t.Errorf("there are %v (%v)", names, err)
		}
		if b, err := os.ReadFile(filepath.Join(root, "victim")); err != nil || string(b) != "mine" {
			t.Errorf("the file outside is %q (%v)", b, err)
		}
		inside, err := os.ReadDir(filepath.Join(root, "in"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range inside {
			if e.Name() != name && e.Name() != "victim2" && name != "." {
				t.Errorf("beside %q there is %q", name, e.Name())
			}
		}
	})
}
