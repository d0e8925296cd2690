//go:build linux

package integration

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"berth/internal/chunk"
	chunktree "berth/internal/chunk/tree"
	"berth/test/harness"
)

// dataOf is where a volume's files are.
func dataOf(d *harness.Daemon, volume string) string {
	return filepath.Join(d.DataRoot(), "volumes", volume, "_data")
}

// nowhere takes chunks and forgets them.
type nowhere struct{}

func (nowhere) Put(context.Context, int, chunk.Ref, []byte) error { return nil }

// entries is everything that a directory is, but for what is another on each disk.
func entries(t *testing.T, dir string) ([]chunktree.Entry, []chunk.Ref) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := chunktree.Scan(t.Context(), f, nowhere{}, chunktree.Options{Still: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Entries {
		m.Entries[i].Seen = chunktree.Seen{}
	}
	return m.Entries, m.Chunks
}

func alike(t *testing.T, a, b string) {
	t.Helper()
	x, xs := entries(t, a)
	y, ys := entries(t, b)
	if len(x) != len(y) || !reflect.DeepEqual(xs, ys) {
		t.Errorf("%s has %d entries and %s has %d", a, len(x), b, len(y))
		return
	}
	for i := range x {
		if !reflect.DeepEqual(x[i], y[i]) {
			t.Errorf("was %+v\nis  %+v", x[i], y[i])
		}
	}
}

// zoo makes one of everything that a file can be.
const zoo = `set -e; cd %s; chmod 1750 .; chown 71:72 .; mkdir -p deep/er; head -c 3000000 /dev/urandom > deep/large; ln deep/large hard; ln -s ../../etc/passwd deep/link
printf x > "$(printf 'not \377 utf-8\n')"; printf x > $(printf '%%0255d' 7); truncate -s 200M sparse; printf end | dd of=sparse bs=1 seek=100000000 conv=notrunc status=none
mkfifo fifo; mknod null c 1 3; mknod disk b 7 99; printf s > suid; chown 12345:4000000000 suid; chmod 6755 suid
setfacl -m u:1234:rwx deep/large; setfacl -d -m g:99:rx deep; setfattr -n user.note -v hello deep; setfattr -n trusted.t -v v fifo; setcap cap_net_raw+ep hard 2>/dev/null || true
touch -h -d '1999-12-31 23:59:59.123456789' deep/link deep/er suid`

func makeZoo(t *testing.T, dir string) {
	t.Helper()
	if made := harness.Shell(t, fmt.Sprintf(zoo, dir)); made.Code != 0 {
		t.Fatal(made)
	}
	at := &net.UnixAddr{Net: "unix", Name: filepath.Join(dir, "socket")}
	l, err := net.ListenUnix("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestABackupIsRestoredOnAnotherDataRootWithEverythingThatAFileCanBe(t *testing.T) {
	t.Parallel()
	one, two := harness.Start(t), harness.Start(t)
	c, other := one.Client(t, "berth"), two.Client(t, "berth")
	_, ours := served(t, c)
	stock := harness.StartRegistry(t, one.Port(18), t.TempDir())
	c.Must("volume", "create", "--label", "a=b", "zoo")
	makeZoo(t, dataOf(one, "zoo"))
	for i, place := range []string{filepath.Join(t.TempDir(), "backups"), ours + "/backups/zoo", stock.Host + "/backups/zoo"} {
		first := c.Must("volume", "backup", "-q", "zoo", place)
		again := c.Must("volume", "backup", "zoo", place)
		if !strings.Contains(again, "Adding to "+first) {
			t.Errorf("the second backup to %s says\n%s", place, again)
		}
		name := fmt.Sprint("zoo", i)
		other.Prints(name, "volume", "restore", "-q", place, name)
		alike(t, dataOf(one, "zoo"), dataOf(two, name))
		other.Prints("b", "volume", "inspect", "-f", `{{index .Labels "a"}}`, name)
		if tags := strings.Fields(other.Must("volume", "backup", "ls", "-q", place)); len(tags) != 2 || tags[0] != first {
			t.Errorf("in %s there are %v", place, tags)
		}
		other.Fails(1, "is there and not empty", "volume", "restore", place+":"+first, name)
	}
	here := t.TempDir()
	c.At(here).Must("volume", "backup", "zoo", "./below")
	if _, err := os.Stat(filepath.Join(here, "below", "oci-layout")); err != nil {
		t.Error(err)
	}
	c.Fails(1, "neither empty nor an OCI layout", "volume", "backup", "zoo", "/etc")
	c.Fails(1, "no such volume", "volume", "backup", "nobody", t.TempDir())
	c.Fails(1, "there are no backups in", "volume", "restore", t.TempDir())
	c.Fails(1, `there is no backup "nothing"`, "volume", "restore", stock.Host+"/backups/zoo:nothing")
}

func TestABackupOfAVolumeInUseIsWhatACrashWouldHaveLeft(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	place := filepath.Join(t.TempDir(), "backups")
	c.Must("run", "-d", "--name", "writer", "-v", "data:/v", busybox, "sh", "-c", writer)
	harness.Eventually(t, "the program writes", func() error {
		_, err := os.Stat(filepath.Join(dataOf(d, "data"), "b"))
		return err
	})
	for i := range 4 {
		c.Must("volume", "backup", "data", place)
		name := fmt.Sprint("then", i)
		c.Must("volume", "restore", place+":data", name)
		a, b := number(t, dataOf(d, name)+"/a"), number(t, dataOf(d, name)+"/b")
		if a >= 0 && b > a || b < 0 && a < 1 {
			t.Errorf("a is %d and b is %d", a, b)
		}
	}
	c.Prints("running", "inspect", "-f", "{{.State.Status}}", "writer")
	c.Fails(1, "volume data is in use and cannot be replaced: stop writer first", "volume", "restore", "--replace", place, "data")
	c.Must("stop", "-t", "0", "writer")
	was := number(t, dataOf(d, "data")+"/a")
	c.Must("volume", "restore", "--replace", place, "data")
	if is, want := number(t, dataOf(d, "data")+"/a"), number(t, dataOf(d, "then3")+"/a"); is != want {
		t.Errorf("the file says %d, and %d in the backup", is, want)
	}
	before := c.Must("volume", "snapshots", "-q", "--no-trunc", "data")
	c.Must("volume", "rollback", "data", before)
	if is := number(t, dataOf(d, "data")+"/a"); is != was {
		t.Errorf("after the rollback the file says %d, and said %d", is, was)
	}
	c.Must("volume", "backup", "prune", "--keep-last", "1", place)
	if tags := strings.Fields(c.Must("volume", "backup", "ls", "-q", place)); len(tags) != 1 {
		t.Errorf("there are %v", tags)
	}
	c.Must("volume", "restore", place, "last")
}

func TestACorruptBackupIsRefusedAndOldDataStays(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "berth")
	place := filepath.Join(t.TempDir(), "backups")
	c.Must("volume", "create", "data")
	old := filepath.Join(dataOf(d, "data"), "file")
	if err := os.WriteFile(old, bytes.Repeat([]byte("old "), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Must("volume", "backup", "data", place)
	blobs, err := filepath.Glob(filepath.Join(place, "blobs/sha256/*"))
	if err != nil || len(blobs) != 5 {
		t.Fatalf("the backup has the blobs %v: %v", blobs, err)
	}
	for _, blob := range blobs {
		whole, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(whole)
		bad[len(bad)/3] ^= 4
		for _, text := range [][]byte{bad, whole[:len(whole)-1]} {
			if err := os.WriteFile(blob, text, 0o600); err != nil {
				t.Fatal(err)
			}
			r := c.Run("volume", "restore", "--replace", place, "data")
			if r.Code != 1 || !strings.Contains(r.Stderr, "corrupt") && !strings.Contains(r.Stderr, "another") && !strings.Contains(r.Stderr, "incomplete") {
				t.Errorf("a corrupt %s: %+v", filepath.Base(blob), r)
			}
			c.Fails(1, "cannot be restored", "volume", "restore", place, "fresh")
		}
		if err := os.WriteFile(blob, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(old); err != nil || len(text) != 400_000 {
		t.Errorf("the old file has %d bytes: %v", len(text), err)
	}
	c.Prints("data", "volume", "ls", "-q")
	c.Prints("", "volume", "snapshots", "-q", "data")
	left, err := filepath.Glob(filepath.Join(d.DataRoot(), "volumes/.new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("there is %v: %v", left, err)
	}
	c.Must("volume", "restore", place, "fresh")
}

func TestAFullDiskEndsABackupAndARestoreWithNothingToBeSeen(t *testing.T) {
	t.Parallel()
	small := filepath.Dir(onFileSystem(t, "ext4", 64<<20))
	d := harness.Start(t)
	c := d.Client(t, "berth")
	c.Must("volume", "create", "data")
	if made := harness.Shell(t, "head -c 100M /dev/urandom > "+dataOf(d, "data")+"/large"); made.Code != 0 {
		t.Fatal(made)
	}
	full := filepath.Join(small, "backups")
	c.Fails(1, "no space left on device", "volume", "backup", "data", full)
	c.Prints("", "volume", "backup", "ls", "-q", full)
	place := filepath.Join(t.TempDir(), "backups")
	c.Must("volume", "backup", "data", place)
	if made := harness.Shell(t, "rm -r "+full); made.Code != 0 {
		t.Fatal(made)
	}
	other := harness.Start(t, harness.WithDataRoot(filepath.Join(small, "root")))
	oc := other.Client(t, "berth")
	oc.Fails(1, "no space left on device", "volume", "restore", place)
	oc.Prints("", "volume", "ls", "-q")
	left, err := os.ReadDir(filepath.Join(other.DataRoot(), "volumes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), ".new-") {
			harness.Eventually(t, e.Name()+" is gone", func() error {
				if _, err := os.Lstat(filepath.Join(other.DataRoot(), "volumes", e.Name())); err == nil {
					return errors.New("it is there")
				}
				return nil
			})
		}
	}
}

func TestAVolumeIsExportedAsATarAndImportedFromOne(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "--rm", "-v", "data:/v", busybox, "sh", "-c", "cd /v; chmod 750 .; chown 70:70 .; mkdir sub; echo one > sub/file; ln sub/file hard; ln -s file sub/link; mkfifo fifo; chmod 4755 sub/file")
	file := filepath.Join(t.TempDir(), "data.tar")
	c.Must("volume", "export", "-o", file, "data")
	names := harness.Shell(t, "tar -tf "+file).Stdout
	if names != "./\n./fifo\n./hard\n./sub/\n./sub/file\n./sub/link\n" {
		t.Errorf("the archive has %q", names)
	}
	compressed := harness.Shell(t, "gzip -k "+file)
	if compressed.Code != 0 {
		t.Fatal(compressed)
	}
	for i, source := range []string{file, file + ".gz"} {
		name := fmt.Sprint("copy", i)
		c.Prints(name, "volume", "import", name, source)
		c.Prints("750 70:70\n4755 2 one\nfile", "run", "--rm", "-v", name+":/v", busybox, "sh", "-c",
			`stat -c '%a %u:%g' /v; echo $(stat -c '%a %h' /v/hard) $(cat /v/sub/file); readlink /v/sub/link`)
		c.Fails(1, "volume "+name+" is there and not empty", "volume", "import", name, source)
	}
	c.Must("volume", "create", "empty")
	c.In(open(t, file)).Must("volume", "import", "empty")
	c.Must("run", "--rm", "-v", "empty:/v", busybox, "sh", "-c", "echo two > /v/sub/file")
	c.Must("volume", "import", "--replace", "empty", file)
	c.Prints("one", "run", "--rm", "-v", "empty:/v", busybox, "cat", "/v/sub/file")
	c.Must("run", "-d", "--name", "user", "-v", "empty:/v", busybox, "sleep", "1000")
	c.Fails(1, "volume empty is in use and cannot be replaced: stop user first", "volume", "import", "--replace", "empty", file)
	c.Must("volume", "export", "-o", file, "empty")
	c.Fails(1, "no such volume", "volume", "export", "-o", file, "nobody")

	c.Fails(1, "the archive cannot be read", "volume", "import", "broken", hostile(t, "file", "")) // it ends too early
	c.Fails(1, "", "volume", "import", "broken", hostile(t, "../../escaped", "x"))
	if _, err := os.Lstat(filepath.Join(d.DataRoot(), "escaped")); err == nil {
		t.Error("an archive has written outside of its volume")
	}
	if r := c.Run("volume", "inspect", "broken"); r.Code == 0 {
		t.Error("half a volume is there")
	}
}

func open(t *testing.T, path string) io.Reader {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// hostile is an archive of one file; without content it says that there is more of it.
func hostile(t *testing.T, name, content string) string {
	t.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	size := len(content)
	if size == 0 {
		size = 1000
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(size), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if content != "" {
		if _, err := w.Write([]byte(content)); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "hostile.tar")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiftyThousandSmallFilesAreBackedUpAndRestored(t *testing.T) {
	t.Parallel()
	root := onFileSystem(t, "xfs", 2<<30) // which is gone faster than so many files
	d := harness.Start(t, harness.WithDataRoot(root))
	c := d.Client(t, "berth")
	c.Must("volume", "create", "small")
	for i := range 50 {
		dir := filepath.Join(dataOf(d, "small"), fmt.Sprint("d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 1000 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("f", j)), fmt.Appendf(nil, "%d of %d", j, i), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	place := filepath.Join(filepath.Dir(root), "backups")
	c.Must("volume", "backup", "small", place)
	c.Must("volume", "restore", place, "again")
	alike(t, dataOf(d, "small"), dataOf(d, "again"))
	blobs, err := filepath.Glob(filepath.Join(place, "blobs/sha256/*"))
	if err != nil || len(blobs) > 10 {
		t.Errorf("so many files are in %d blobs: %v", len(blobs), err)
	}
}
