//go:build linux

package integration

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"berth/test/harness"
)

// attachedBelow are the loop devices whose files are below a directory.
func attachedBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	names, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err == nil && strings.HasPrefix(string(file), dir+"/") {
			files = append(files, strings.TrimSpace(string(file)))
		}
	}
	return files
}

// freed waits until no loop device has a file below a directory.
func freed(t *testing.T, dir string) {
	t.Helper()
	harness.Eventually(t, "the loop devices are free", func() error {
		if files := attachedBelow(t, dir); len(files) > 0 {
			return fmt.Errorf("still attached: %q", files)
		}
		return nil
	})
}

func TestALayerWithASizeHoldsThatMuchThroughEverything(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay2", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			d := harness.Start(t, harness.WithArgs("--storage-driver", driver))
			busybox := d.Busybox()
			c := d.Client(t, "docker")
			const fill = "dd if=/dev/zero of=/full bs=64k count=1000 2>&1 | grep -o 'No space left on device\\|quota exceeded'; rm /full; echo kept > /kept"
			c.Must("run", "-d", "--name", "sized", "--storage-opt", "size=20m", busybox, "sleep", "1000")
			c.Prints("size=20m", "inspect", "-f", "{{range $k, $v := .HostConfig.StorageOpt}}{{$k}}={{$v}}{{end}}", "sized")
			c.Prints("No space left on device", "exec", "sized", "sh", "-c", fill)
			shows(t, c, "sized", 20<<20)
			c.Prints("1000+0 records out", "run", "--rm", busybox, "sh", "-c", "dd if=/dev/zero of=/full bs=64k count=1000 2>&1 | grep out") // another's is its own
			all := func() {
				t.Helper()
				if diff := c.Must("diff", "sized"); !strings.Contains(diff, "A /kept") || strings.Contains(diff, "lost+found") {
					t.Errorf("diff: %s", diff)
				}
				c.In(strings.NewReader("")).Must("cp", "sized:/kept", "-")
				if text := c.Must("export", "sized"); !strings.Contains(text, "kept\n") {
					t.Error("the export lacks what was written")
				}
			}
			all()
			d.Kill9()
			d.StartAgain()
			all()
			c.Prints("No space left on device", "exec", "sized", "sh", "-c", fill)
			c.Must("restart", "-t", "0", "sized")
			c.Prints("kept", "exec", "sized", "cat", "/kept")
			c.Must("commit", "sized", "of:sized")
			c.Prints("kept", "run", "--rm", "of:sized", "cat", "/kept")
			c.Must("stop", "-t", "0", "sized")
			freed(t, d.DataRoot())
			all()
			if rw := figure(t, c.Must("inspect", "--size", "-f", "{{.SizeRw}}", "sized")); driver == "overlay2" && rw != 5 {
				t.Errorf("its layer has %d bytes", rw)
			}
			c.In(bytes.NewReader(harness.Tar(t, harness.File{Name: "large", Body: random(t, 40<<20)}))).Fails(1, "no space left on device", "cp", "-", "sized:/")
			c.Must("start", "sized")
			c.Prints("kept", "exec", "sized", "cat", "/kept")
			c.Must("rm", "-f", "sized")
			freed(t, d.DataRoot())
			harness.Eventually(t, "nothing is left of it", func() error {
				if left, _ := filepath.Glob(d.DataRoot() + "/containers/*/*.img"); len(left) > 0 {
					return fmt.Errorf("%q", left)
				}
				return nil
			})
		})
	}
}

// random is what no file system stores in less.
func random(t *testing.T, size int) []byte {
	t.Helper()
	text := make([]byte, size)
	if _, err := rand.Read(text); err != nil {
		t.Fatal(err)
	}
	return text
}

// shows looks at what df says in a container of a size.
func shows(t *testing.T, c harness.Client, name string, size int64) {
	t.Helper()
	fields := strings.Fields(c.Must("exec", name, "sh", "-c", "df -k / | tail -n 1"))
	if all := figure(t, fields[1]) << 10; all < size || all > size+size/10 {
		t.Errorf("df: %q", fields)
	}
}

func figure(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheDaemonsOptionSizesTheLayersOfContainersThatDoNotSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--storage-opt", "overlay2.size=30M"))
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("run", "-d", "--name", "default", busybox, "sleep", "1000")
		shows(t, c, "default", 30<<20)
		c.Prints("map[]", "inspect", "-f", "{{.HostConfig.StorageOpt}}", "default")
		c.Must("run", "-d", "--name", "own", "--storage-opt", "SIZE=50m", busybox, "sleep", "1000")
		shows(t, c, "own", 50<<20)
		c.Must("rm", "-f", "default", "own")
		for value, says := range map[string]string{"size=x": "invalid size: 'x'", "size=-1": "invalid size: '-1'", "foo=1": "Unknown option foo", "size=5": "a size of 5 bytes is too small"} {
			c.Fails(1, says, "create", "--storage-opt", value, busybox)
		}
		c.Must("run", "--rm", "--storage-opt", "size=0", busybox, "dd", "if=/dev/zero", "of=/large", "bs=1M", "count=40")
	})
	freed(t, d.DataRoot())
}
