//go:build linux

package integration

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestAFullDiskInTheMiddleOfAFillOrACommitLeavesNothingHalfMade(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "160")
	d := harness.Start(t, harness.WithDataRoot(filepath.Join(disk, "data")))
	busybox := d.Busybox()
	large := harness.Tar(t, harness.File{Name: "data/large", Body: random(t, 30<<20)}, harness.File{Name: "data/small", Body: []byte("x")})
	d.Client(t, "docker").In(bytes.NewReader(large)).Must("import", "-", "large:1")
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("run", "--name", "own", busybox, "dd", "if=/dev/urandom", "of=/own", "bs=1M", "count=12")
		c.Must("run", "--rm", "-v", "/gone", busybox, "true") // makes what stays: where removed volumes are deleted
		before := baseline(t, d)
		ballast := filepath.Join(disk, "ballast")
		fill(t, ballast, 8<<20)
		for what, args := range map[string][]string{
			"a volume that is filled": {"create", "--name", "half", "-v", "filled:/data", "large:1", "true"},
			"an anonymous volume":     {"create", "--name", "half", "-v", "/data", "large:1", "true"},
			"a commit":                {"commit", "own", "own:1"},
		} {
			r := c.Run(args...)
			if r.Code == 0 || !strings.Contains(strings.ToLower(r.Stderr), "no space left on device") {
				t.Errorf("%s: %+v", what, r)
			}
			unchanged(t, d, before, what)
		}
		c.Prints("", "volume", "ls", "-q")
		c.Fails(1, "No such container", "rm", "half")
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		c.Must("commit", "own", "own:1")
		c.Must("rmi", "own:1")
		c.Must("rm", "own")
	})
}

// fill makes a file that leaves so many bytes of its file system.
func fill(t *testing.T, name string, leave int64) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for {
		if _, err := f.Write(block); err != nil {
			break
		}
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Truncate(info.Size()-leave)); err != nil {
		t.Fatal(err)
	}
}

func TestAContainerWhoseOwnFilesAreFullStartsAgainAndIsCleanedUp(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("run", "--name", "full", "--storage-opt", "size=8m", busybox, "sh", "-c", "echo run >> /runs; cat /dev/zero > /full; cat /dev/zero > /fuller; wc -l < /runs")
		c.Must("start", "-a", "full")
		d.Kill9()
		d.StartAgain()
		c.Must("start", "-a", "full")
		c.Must("cp", "full:/etc/passwd", filepath.Join(t.TempDir(), "passwd"))
		c.Must("rm", "full")
		freed(t, d.DataRoot())
	})
}
