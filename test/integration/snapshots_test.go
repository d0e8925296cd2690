//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/test/harness"

	"golang.org/x/sys/unix"
)

// onFileSystem is a data root on a file system of its own, in a sparse file of so many bytes; "" is where
// all others are.
func onFileSystem(t *testing.T, kind string, size int64) string {
	t.Helper()
	base := t.TempDir()
	image, at := filepath.Join(base, "image"), filepath.Join(base, "at")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o711); err != nil {
		t.Fatal(err)
	}
	mkfs := map[string]string{"xfs": "mkfs.xfs -q -m reflink=1 ", "btrfs": "mkfs.btrfs -q ", "ext4": "mkfs.ext4 -q -F "}[kind]
	if made := harness.Shell(t, mkfs+image+" && mount -o loop "+image+" "+at); made.Code != 0 {
		t.Fatal(made)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(at, "root")
}

// writer is a program that writes each number to the file a, then to the file b, each safely on the disk before
// the next: nobody who looks at one moment sees b ahead of a.
const writer = `i=0; while :; do i=$((i+1)); echo $i > /v/a; sync /v/a; echo $i > /v/b; sync /v/b; done`

func TestASnapshotOfAVolumeInUseIsWhatACrashWouldHaveLeft(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"xfs", "btrfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithDataRoot(onFileSystem(t, kind, 512<<20)))
			busybox := d.Busybox()
			c := d.Client(t, "berth")
			c.Must("run", "-d", "--name", "writer", "-v", "data:/v", busybox, "sh", "-c", writer)
			harness.Eventually(t, "the program writes", func() error {
				_, err := os.Stat(filepath.Join(d.DataRoot(), "volumes/data/_data/b"))
				return err
			})
			for i := range 5 {
				name, look := fmt.Sprint("s", i), fmt.Sprint("look", i)
				c.Must("volume", "snapshot", "--name", name, "data")
				c.Must("volume", "clone", "--snapshot", name, "data", look)
				tree := filepath.Join(d.DataRoot(), "volumes", look, "_data")
				a, b := number(t, tree+"/a"), number(t, tree+"/b")
				// The shell empties a file before it writes: then the one is empty, and the other has the last.
				if a >= 0 && b > a || b < 0 && a < 1 {
					t.Errorf("a is %d and b is %d", a, b)
				}
			}
			c.Prints("running", "inspect", "-f", "{{.State.Status}}", "writer")
			c.Fails(1, "volume data is in use and cannot be rolled back: stop writer first", "volume", "rollback", "data", "s0")
			c.Must("volume", "clone", "--label", "x=y", "data", "twin")
			c.Prints("y", "volume", "inspect", "-f", `{{index .Labels "x"}}`, "twin")
			c.Must("stop", "-t", "0", "writer")
			last := c.Must("run", "--rm", "-v", "data:/v", busybox, "cat", "/v/a", "/v/b")
			before := strings.TrimSpace(c.Must("volume", "rollback", "data", "s0"))
			if now := c.Must("run", "--rm", "-v", "data:/v", busybox, "cat", "/v/a", "/v/b"); now == last {
				t.Errorf("after the rollback there is %q still", now)
			}
			c.Must("volume", "rollback", "data", before[:12])
			c.Prints(strings.TrimSpace(last), "run", "--rm", "-v", "data:/v", busybox, "cat", "/v/a", "/v/b")
			c.Must("volume", "clone", "--snapshot", "s1", "data", "older")
			c.Must("volume", "snapshots", "rm", "data", "s0", "s1")
			if list := strings.Fields(c.Must("volume", "snapshots", "--format", "{{.Name}}", "data")); strings.Join(list, " ") != "s2 s3 s4" {
				t.Error(list)
			}
			c.Must("rm", "writer")
			c.Must("volume", "rm", "data", "twin", "older", "look0", "look1", "look2", "look3", "look4")
		})
	}
}

// number reads a number from a file; -1 stands for an empty one.
func number(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASnapshotOfAContainerHasItsOwnFilesAndItsRemovals(t *testing.T) {
	t.Parallel()
	for _, with := range []struct {
		what, driver string
		options      []string
	}{
		{"an overlay", "overlay2", nil},
		{"a file system of its own", "overlay2", []string{"--storage-opt", "size=30m"}},
		{"fuse", "fuse-overlayfs", nil},
		{"a copy", "vfs", nil},
	} {
		t.Run(with.what, func(t *testing.T) {
			t.Parallel()
			if with.driver == "fuse-overlayfs" {
				harness.Tool(t, with.driver)
			}
			keepsContainers(t, harness.Start(t, harness.WithArgs("--storage-driver", with.driver)), with.options)
		})
	}
}

func keepsContainers(t *testing.T, d *harness.Daemon, options []string) {
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must(append(append([]string{"run", "-d", "--name", "writer"}, options...), busybox, "sh", "-c", "echo one > /file; rm /bin/ls; exec 3>/open; echo written >&3; touch /ready; exec sleep 1000")...)
	harness.Eventually(t, "the program has written", func() error {
		if r := d.Berth("exec", "writer", "cat", "/ready"); r.Code != 0 {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	diff := c.Must("diff", "writer")
	id := strings.TrimSpace(c.Must("container", "snapshot", "--name", "one", "--label", "a=b", "writer"))
	c.Must("exec", "writer", "sh", "-c", "echo two > /file; cp /bin/busybox /bin/ls; mkdir /more")
	changed := c.Must("diff", "writer")
	c.Fails(1, "container writer cannot be rolled back while it runs: stop writer first", "container", "rollback", "writer", "one")
	c.Must("stop", "-t", "0", "writer")
	before := strings.TrimSpace(c.Must("container", "rollback", "writer", id[:12]))
	if got := c.Must("diff", "writer"); got != diff || got == changed {
		t.Errorf("after the rollback there is %q and not %q", got, diff)
	}
	if text := c.Must("cp", "writer:/file", "-"); !strings.Contains(text, "one\n") {
		t.Errorf("after the rollback the file has %q", text)
	}
	if text := c.Must("cp", "writer:/open", "-"); !strings.Contains(text, "written") {
		t.Errorf("what was written to a file that was open is not there: %q", text)
	}
	c.Must("start", "writer")
	c.Fails(127, "executable file not found", "exec", "writer", "ls")
	c.Must("stop", "-t", "0", "writer")
	c.Must("container", "rollback", "writer", before)
	if got := c.Must("diff", "writer"); got != changed {
		t.Errorf("after the rollback of the rollback there is %q and not %q", got, changed)
	}
	c.Prints("one:\n:before the rollback to one\n:before the rollback to "+before[:12], "container", "snapshots", "--format", "{{.Name}}:{{.Reason}}", "writer")
	c.Must("rm", "writer")
}

// A snapshot says for how long those who write stood still; with large files on a file system that can clone it is a moment. BERTH_SNAPSHOT_MIB
// says how large.
func TestLargeFilesAreTakenInWhileItsProgramHardlyStandsStill(t *testing.T) {
	t.Parallel()
	size := 256
	if word := os.Getenv("BERTH_SNAPSHOT_MIB"); word != "" {
		var err error
		if size, err = strconv.Atoi(word); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithDataRoot(onFileSystem(t, kind, int64(size+512)<<21)))
			busybox := d.Busybox()
			c := d.Client(t, "berth")
			c.Must("run", "-d", "--name", "writer", "-v", "data:/v", busybox, "sh", "-c", writer)
			c.Must("exec", "writer", "sh", "-c", fmt.Sprintf("for i in 1 2 3 4; do dd if=/dev/zero of=/v/big$i bs=1M count=%d 2>/dev/null; done", size/4))
			c.Must("volume", "snapshot", "--name", "big", "data")
			var list []struct{ Frozen, Size, UniqueSize int64 }
			if err := json.Unmarshal([]byte(c.Must("volume", "snapshots", "inspect", "data", "big")), &list); err != nil {
				t.Fatal(err)
			}
			x := list[0]
			t.Logf("the program stood still for %v", time.Duration(x.Frozen))
			if x.Frozen <= 0 || x.Frozen > int64(5*time.Second) || x.Size < int64(size)<<20 || x.UniqueSize > 1<<20 {
				t.Errorf("%+v", x)
			}
			c.Must("rm", "-f", "writer")
		})
	}
}

func TestSnapshotsAreListedMeasuredToldOfAndRefusedByName(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	if shown := c.Must("system", "df"); strings.Contains(shown, "Snapshots") {
		t.Errorf("there are snapshots: %s", shown)
	}
	c.Must("run", "--name", "user", "-v", "data:/v", busybox, "sh", "-c", "head -c 3000000 /dev/urandom > /v/random; echo text > /v/text; echo own > /own")
	id := strings.TrimSpace(c.Must("volume", "snapshot", "--name", "one", "--label", "a=b", "data"))
	c.Must("volume", "snapshot", "data")
	own := strings.TrimSpace(c.Must("container", "snapshot", "user"))

	c.Prints(id, "volume", "snapshots", "-q", "--filter", "label=a=b")
	c.Prints("one data 3MB", "volume", "snapshots", "--filter", "name=on", "--format", "{{.Name}} {{.Volume}} {{.Size}}", "data")
	c.Prints(own, "container", "snapshots", "-q")
	c.Prints("", "volume", "snapshots", "-q", "--filter", "volume=other")
	c.Prints("2", "volume", "snapshots", "inspect", "-f", "{{.Entries}}", "data", id[:12])
	table := strings.Fields(strings.SplitN(c.Must("volume", "snapshots", "-s", "data"), "\n", 2)[0])
	if strings.Join(table, " ") != "SNAPSHOT ID NAME VOLUME NAME CREATED SIZE UNIQUE SIZE" {
		t.Error(table)
	}
	if shown := c.Must("system", "df", "--format", "{{.Type}} {{.TotalCount}}"); !strings.Contains(shown, "Snapshots 3") {
		t.Error(shown)
	}
	if shown := c.Must("system", "df", "-v"); !strings.Contains(shown, "Snapshots space usage") || !strings.Contains(shown, id[:12]) {
		t.Error(shown)
	}
	if shown := d.Docker("system", "df"); shown.Code != 0 || strings.Contains(shown.Stdout, "Snapshots") {
		t.Errorf("a stock client is told %v", shown)
	}

	for _, bad := range []struct {
		says string
		args []string
	}{
		{"get nobody: no such volume", []string{"volume", "snapshot", "nobody"}},
		{"No such container: nobody", []string{"container", "snapshot", "nobody"}},
		{"volume data has a snapshot one already", []string{"volume", "snapshot", "--name", "one", "data"}},
		{"invalid snapshot name", []string{"volume", "snapshot", "--name", "../x", "data"}},
		{"volume data has no snapshot two", []string{"volume", "rollback", "data", "two"}},
		{"volume data has no snapshot two", []string{"volume", "clone", "--snapshot", "two", "data", "copy"}},
		{"volume data has no snapshot two", []string{"volume", "snapshots", "rm", "data", "two"}},
		{"there is a volume of this name already", []string{"volume", "clone", "data", "data"}},
		{"includes invalid characters", []string{"volume", "clone", "data", "../copy"}},
		{"invalid filter 'color'", []string{"volume", "snapshots", "--filter", "color=red"}},
	} {
		c.Fails(1, bad.says, bad.args...)
	}

	before := strings.TrimSpace(c.Must("volume", "rollback", "data", "one"))
	c.Must("volume", "snapshots", "rm", "data", "one")
	c.Must("volume", "clone", "data", "copy")
	told := c.Must("events", "--since", "1", "--until", fmt.Sprint(time.Now().Unix()+1), "--filter", "type=volume", "--format", "{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.snapshot}} {{.Actor.Attributes.before}}")
	for _, want := range []string{"snapshot data " + id, "rollback data " + id + " " + before, "snapshot-remove data " + id, "create copy", "clone data"} {
		if !strings.Contains(told, want) {
			t.Errorf("the events have no %q: %s", want, told)
		}
	}
	c.Must("rm", "user")
	c.Must("volume", "rm", "data", "copy")
}

func TestWhoIsPausedByItsUserStaysPausedThroughASnapshot(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "berth")
	c.Must("run", "-d", "--name", "still", "-v", "data:/v", d.Busybox(), "sleep", "1000")
	c.Must("run", "-d", "--name", "runs", "-v", "data:/v", "busybox", "sleep", "1000")
	c.Must("pause", "still")
	c.Must("volume", "snapshot", "data")
	c.Must("container", "snapshot", "still")
	c.Prints("paused running", "inspect", "-f", "{{.State.Status}} "+c.Must("inspect", "-f", "{{.State.Status}}", "runs"), "still")
	c.Must("exec", "runs", "true")
	c.Must("unpause", "still")
	c.Must("exec", "still", "true")
	c.Must("rm", "-f", "still", "runs")
	c.Must("volume", "rm", "data")
}

func TestAVolumeWithAFileSystemOfItsOwnIsSnapshottedAndClonedButNotRolledBack(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "berth")
	c.Must("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "ram")
	c.Must("run", "-d", "--name", "user", "-v", "ram:/v", d.Busybox(), "sh", "-c", "echo kept > /v/file; touch /v/done; exec sleep 1000")
	harness.Eventually(t, "the program has written", func() error {
		_, err := os.Stat(filepath.Join(d.DataRoot(), "volumes/ram/_data/done"))
		return err
	})
	c.Must("volume", "snapshot", "--name", "one", "ram")
	c.Must("rm", "-f", "user")
	c.Fails(1, "volume ram has a file system of its own and cannot be rolled back", "volume", "rollback", "ram", "one")
	c.Must("volume", "clone", "--snapshot", "one", "ram", "copy")
	c.Prints("kept", "run", "--rm", "-v", "copy:/v", "busybox", "cat", "/v/file")
	c.Must("volume", "rm", "ram", "copy")
}

func TestASnapshotThatFindsTheDiskFullLeavesNothingAndItsContainerRuns(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithDataRoot(onFileSystem(t, "ext4", 96<<20)))
	c := d.Client(t, "berth")
	c.Must("run", "-d", "--name", "writer", "-v", "data:/v", d.Busybox(), "sleep", "1000")
	c.Must("exec", "writer", "sh", "-c", "head -c 20000000 /dev/urandom > /v/random; sync")
	filler := filepath.Join(d.DataRoot(), "filler")
	if full := harness.Shell(t, "dd if=/dev/zero of="+filler+" bs=64k"); !strings.Contains(full.Stderr, "No space left") {
		t.Fatal(full)
	}
	c.Fails(1, "no space left on device", "volume", "snapshot", "data")
	c.Fails(1, "no space left on device", "volume", "clone", "data", "copy")
	c.Must("exec", "writer", "true")
	c.Prints("", "volume", "snapshots", "-q", "data")
	for _, pattern := range []string{"volumes/data/snapshots/.*", "volumes/data/snapshots/chunks/.new-*", "volumes/.new-*", "containers/*/still"} {
		harness.Eventually(t, pattern+" goes", func() error {
			if left, _ := filepath.Glob(filepath.Join(d.DataRoot(), pattern)); len(left) > 0 {
				return fmt.Errorf("%v", left)
			}
			return nil
		})
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	c.Must("volume", "snapshot", "data")
	c.Must("rm", "-f", "writer")
}

func TestAVolumeWithASizeIsSnapshottedAndItsCloneHasASizeToo(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("volume", "create", "-o", "size=20m", "sized")
	c.Must("run", "-d", "--name", "user", "-v", "sized:/v", busybox, "sh", "-c", "echo kept > /v/file; ln /v/file /v/other; exec sleep 1000")
	c.Must("exec", "user", "sh", "-c", "until [ -e /v/other ]; do sleep 0.01; done")
	c.Must("volume", "snapshot", "--name", "one", "sized")
	c.Must("volume", "clone", "sized", "now")
	c.Must("rm", "-f", "user")
	c.Must("volume", "clone", "--snapshot", "one", "-o", "size=30m", "sized", "larger")
	c.Must("run", "--rm", "-v", "sized:/v", busybox, "sh", "-c", "echo other > /v/file; rm /v/other")
	before := strings.TrimSpace(c.Must("volume", "rollback", "sized", "one"))
	c.Must("volume", "create", "plain")
	c.Must("volume", "clone", "-o", "size=10m", "plain", "small")
	for name, size := range map[string]string{"now": "20m", "larger": "30m", "small": "10m"} {
		c.Prints(size, "volume", "inspect", "-f", "{{.Options.size}}", name)
	}
	for _, name := range []string{"sized", "now", "larger"} {
		c.Prints("kept 2", "run", "--rm", "-v", name+":/v", busybox, "sh", "-c", "echo $(cat /v/file) $(stat -c %h /v/other)")
		full := c.Run("run", "--rm", "-v", name+":/v", busybox, "sh", "-c", "dd if=/dev/zero of=/v/more bs=1M count=40 2>&1")
		if !strings.Contains(full.Stdout, "No space left") {
			t.Errorf("%s: %v", name, full)
		}
	}
	c.Must("volume", "rollback", "sized", before)
	c.Prints("other", "run", "--rm", "-v", "sized:/v", busybox, "sh", "-c", "ls /v | grep -v file; cat /v/file")
	c.Fails(1, "a clone can have no other option of the local driver than size", "volume", "clone", "-o", "type=tmpfs", "-o", "device=tmpfs", "plain", "ram")
	c.Must("volume", "rm", "sized", "now", "larger", "small", "plain")
}
