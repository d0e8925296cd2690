//go:build linux

package rootfs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/linux/loop"
	"berth/internal/linux/mount"
	"berth/internal/linux/project"
	"berth/internal/space"
)

// withQuotas is a directory of a new file system with project quotas; "" where this kernel has none. The test machine's
// kernel (test/vm) has them for both.
func withQuotas(t *testing.T, kind string) string {
	t.Helper()
	name, at := t.TempDir()+"/disk", t.TempDir()
	arguments := map[string][]string{"ext4": {"-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota"}, "xfs": {"-q", "-f"}}[kind]
	f, err := os.Create(name)
	if err == nil {
		err = errors.Join(f.Truncate(400<<20), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	program := "mkfs." + kind
	if _, err := exec.LookPath(program); err != nil {
		program = "/usr/sbin/" + program
	}
	if out, err := exec.Command(program, append(arguments, name)...).CombinedOutput(); err != nil {
		t.Fatalf("%s (scripts/deps installs it): %v\n%s", program, err, out)
	}
	image, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	dev, err := loop.Attach(image)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if err := unix.Mount(dev.Name(), at, kind, 0, "prjquota"); err != nil {
		if os.Getenv("BERTH_TEST_VM") != "" {
			t.Fatalf("%s with project quotas: %v", kind, err)
		}
		return ""
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("something holds the file system: %v", err)
		}
	})
	return at
}

func TestALayerHoldsItsSizeByAQuotaOrInAnImageAndGivesBothBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts")
	}
	for _, kind := range []string{"image", "ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			base := t.TempDir()
			if kind != "image" {
				if base = withQuotas(t, kind); base == "" {
					t.Skip("this kernel has no project quotas for " + kind + "; the test machine's has (scripts/test-vm)")
				}
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			const size = 20 << 20
			lower, layer := filepath.Join(base, "lower"), filepath.Join(base, "layer")
			must(os.Mkdir(lower, 0o755))
			must(os.WriteFile(lower+"/of-the-image", []byte("x"), 0o644))
			must(Make(layer, size))
			if space.Imaged(layer) != (kind == "image") || !space.Sized(layer) {
				t.Errorf("in an image: %v; sized: %v", space.Imaged(layer), space.Sized(layer))
			}
			id := project.Of(layer)
			for range 2 { // from one start to the next
				root, err := Overlay.Mount(context.Background(), []string{lower}, layer, mount.WholeLayers())
				must(err)
				at := "/proc/self/fd/" + strconv.Itoa(int(root.Fd()))
				var st unix.Statfs_t
				must(unix.Statfs(at, &st))
				if all := int64(st.Blocks) * st.Bsize; all < size || all > size+size/10 {
					t.Errorf("df shows %d bytes", all)
				}
				must(os.WriteFile(at+"/of-the-image", []byte("changed"), 0o644))
				err = os.WriteFile(at+"/large", make([]byte, 2*size), 0o600)
				if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
					t.Errorf("more than it holds: %v", err)
				}
				must(os.Remove(at + "/large"))
				must(root.Close())
			}
			own, release, err := Overlay.Layer([]string{lower}, layer)
			must(err)
			changes, err := own.Changes(context.Background())
			release()
			if err != nil || len(changes) != 1 || changes[0].Path != "/of-the-image" {
				t.Errorf("changes: %v, %v", changes, err)
			}
			must(space.Remove(layer))
			if left, err := filepath.Glob(layer + "*"); len(left) > 0 || err != nil {
				t.Errorf("left: %q, %v", left, err)
			}
			if kind != "image" && (id == 0 || limited(t, base, id)) {
				t.Errorf("the limit of project %d is left", id)
			}
		})
	}
}

// limited asks the kernel's report whether a project has a limit.
func limited(t *testing.T, dir string, id uint32) bool {
	t.Helper()
	limit, err := project.Limited(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	return limit > 0
}
