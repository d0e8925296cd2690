package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	files "berth/internal/archive"
	"berth/internal/image/instruction"
	"berth/test/harness"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// listing is all that a layer's directory says of its files, a line each: what a tar can hold of them, and of an
// overlay what was removed and what is opaque.
func listing(t testing.TB, root string) []string {
	t.Helper()
	var lines []string
	first := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		st, name := info.Sys().(*syscall.Stat_t), strings.TrimPrefix(path, root)
		line := fmt.Sprintf("%q %o %d:%d %d.%d", name, st.Mode, st.Uid, st.Gid, unix.Major(st.Rdev), unix.Minor(st.Rdev))
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			target, _ := os.Readlink(path)
			line += fmt.Sprintf(" -> %q", target)
		case 0:
			line += fmt.Sprintf(" %d %s", st.Size, sumOf(t, path))
		}
		if st.Rdev != 0 || info.Mode().IsDir() || info.Mode().IsRegular() {
			if whiteout := st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0; !whiteout {
				line += fmt.Sprintf(" @%d", st.Mtim.Sec)
			}
		}
		if st.Nlink > 1 && !info.IsDir() {
			if other := first[st.Ino]; other != "" {
				line += fmt.Sprintf(" = %q", other)
			} else {
				first[st.Ino] = name
			}
		}
		lines = append(lines, line+attributes(t, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func sumOf(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// attributes are the extended ones, but for what an overlay notes for itself.
func attributes(t testing.TB, path string) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return ""
	}
	names := strings.Split(strings.TrimRight(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	var out string
	for _, name := range names {
		if name == "" || strings.HasPrefix(name, "trusted.overlay.") && name != "trusted.overlay.opaque" || name == "security.selinux" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatal(path, name, err)
		}
		out += fmt.Sprintf(" %s=%x", name, value[:n])
	}
	return out
}

// different are the lines that only one of two listings has.
func different(a, b []string) string {
	var out []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out[:min(len(out), 30)], "\n")
}

// script runs in a directory what makes files of every kind.
func script(t testing.TB, dir, text string) {
	t.Helper()
	cmd := exec.Command("sh", "-euc", text)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

const everyKind = `
mkdir -p bin etc/deep gone opaque sticky "with space" 'ünï/код'
echo one > bin/one; ln bin/one bin/two; ln bin/one etc/three
chmod 4755 bin/one; echo x > etc/capable; chown 12345:54321 etc/capable; chmod 2710 etc/deep; chmod 1777 sticky
chown 3000000000:4000000000 opaque
ln -s ../etc/capable bin/link; ln -s /absolute/nowhere etc/dangling; ln -s "$(printf '%0300d' 7)" etc/long-link
mkfifo etc/pipe; mknod etc/null c 1 3; mknod etc/loop b 7 200
truncate -s 64M etc/sparse; printf end | dd of=etc/sparse bs=1 seek=50000000 conv=notrunc status=none
d=$(printf '%0100d' 1); mkdir -p "$d/$d/$d"; echo deep > "$d/$d/$d/file"
f=$(printf '%0250d' 2); echo long > "$f"
echo nl > 'etc/new
line'; echo minus > etc/-rf; touch -d @1 etc/old; touch -d @4102444800 etc/future; touch -d @-5 etc/before || true
echo a > gone/a; echo b > gone/b; echo c > opaque/c; : > empty
rm -f etc/before
`

const everyChange = `
mkdir bin etc opaque; mknod -m 0 gone c 0 0; echo changed > etc/capable; ln etc/capable etc/again; mknod -m 0 etc/pipe c 0 0
echo new > opaque/new; chmod 600 etc/again; mkdir -p added/x; ln -s x added/y
`

// setAttributes gives files what a shell cannot.
func setAttributes(t testing.TB, dir string, of map[string]map[string]string) {
	t.Helper()
	for path, attrs := range of {
		for name, value := range attrs {
			if err := unix.Lsetxattr(filepath.Join(dir, path), name, []byte(value), 0); err != nil {
				t.Fatal(path, name, err)
			}
		}
	}
}

// netRaw is cap_net_raw=ep in its second version (linux/capability.h).
const netRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestFilesOfEveryKindSurviveCommitSaveAndLoad(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	lower, upper := filepath.Join(t.TempDir(), "lower"), filepath.Join(t.TempDir(), "upper")
	for dir, text := range map[string]string{lower: everyKind, upper: everyChange} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		script(t, dir, text)
	}
	setAttributes(t, lower, map[string]map[string]string{"etc/capable": {"security.capability": netRaw, "user.note": "a\x00b"}, "sticky": {"user.dir": "yes"}})
	setAttributes(t, upper, map[string]map[string]string{"etc/again": {"security.capability": netRaw}, "opaque": {"trusted.overlay.opaque": "y"}})
	var tarred bytes.Buffer
	if err := (files.Layer{Upper: lower}).Pack(ctx, &tarred); err != nil {
		t.Fatal(err)
	}
	base, err := s.Import(ctx, &tarred, ImportOptions{Repo: "base"})
	if err != nil {
		t.Fatal(err)
	}
	below, err := s.Layers(ctx, base.ID)
	if err != nil {
		t.Fatal(err)
	}
	child, err := s.Commit(ctx, CommitOptions{Parent: base.ID, Repo: "child", Own: instruction.Config{}}, func(w io.Writer) error {
		return files.Layer{Upper: upper, Lowers: below}.Pack(ctx, w)
	})
	if err != nil {
		t.Fatal(err)
	}
	saved := saved(t, s, SaveOptions{Names: []string{"child"}})
	other := openStore(t)
	mustLoad(t, other, saved)
	for where, st := range map[string]*Service{"committed": s, "loaded": other} {
		dirs, err := st.Layers(ctx, child.ID)
		if err != nil || len(dirs) != 2 {
			t.Fatal(dirs, err)
		}
		if d := different(listing(t, upper), listing(t, dirs[0])); d != "" {
			t.Errorf("%s, the upper layer:\n%s", where, d)
		}
		if d := different(listing(t, lower), listing(t, dirs[1])); d != "" {
			t.Errorf("%s, the lower layer:\n%s", where, d)
		}
	}
	unpackedByUmoci(t, saved, child.ID, lower, upper)
}

// unpackedByUmoci compares what umoci makes of a saved image with the lower layer, but for what the upper one says.
func unpackedByUmoci(t *testing.T, saved []byte, _ digest.Digest, lower, upper string) {
	t.Helper()
	if _, err := exec.LookPath("umoci"); err != nil {
		t.Skip("needs umoci")
	}
	dir := t.TempDir()
	layout := filepath.Join(dir, "layout")
	for name, content := range members(t, saved) {
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(layout, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(layout, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("umoci", "unpack", "--image", layout+":latest", filepath.Join(dir, "bundle")).CombinedOutput(); err != nil {
		t.Fatalf("umoci: %v: %s", err, out)
	}
	theirs := listing(t, filepath.Join(dir, "bundle/rootfs"))
	for _, l := range listing(t, lower) {
		changed := []string{`"/gone`, `"/opaque`, `"/etc/capable`, `"/etc/pipe"`, `"/bin" `, `"/etc" `, `"/added`}
		if !slices.ContainsFunc(changed, func(p string) bool { return strings.HasPrefix(l, p) }) && !slices.Contains(theirs, l) {
			t.Errorf("umoci has not: %s", l)
		}
	}
	for _, l := range listing(t, upper) {
		if strings.Contains(l, "added") && !slices.Contains(theirs, l) {
			t.Errorf("umoci has not: %s", l)
		}
	}
	for _, gone := range []string{"gone", "etc/pipe", "opaque/c"} {
		if _, err := os.Lstat(filepath.Join(dir, "bundle/rootfs", gone)); err == nil {
			t.Errorf("umoci still has %s", gone)
		}
	}
}

func TestARealDebianIsUnpackedAsTarUnpacksIt(t *testing.T) {
	s := openStore(t)
	path := harness.DebianTar(t)
	dir := t.TempDir()
	if out, err := exec.Command("tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", path, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := s.Import(context.Background(), f, ImportOptions{Repo: "debian"})
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := s.Layers(context.Background(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := different(listing(t, dir), listing(t, dirs[0])); d != "" {
		t.Error(d)
	}
	other := openStore(t)
	mustLoad(t, other, saved(t, s, SaveOptions{Names: []string{"debian"}}))
	again, err := other.Layers(context.Background(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := different(listing(t, dirs[0]), listing(t, again[0])); d != "" {
		t.Errorf("after save and load: %s", d)
	}
}
