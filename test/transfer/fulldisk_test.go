//go:build linux

package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"berth/internal/fault"
	"berth/internal/image"

	"golang.org/x/sys/unix"
)

// The disk is filled at every stage of a pull in turn: it is a little larger each time.
func TestADiskThatIsFullInThePullIsToldAndThePullGoesOnWhenThereIsSpace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a small disk is mounted")
	}
	s, r := makeSample(t, 3), newRegistry(t)
	s.offer(r, "a/x")
	name, full := r.host()+"/a/x", 0
	for size := 300; size <= 900; size += 60 {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
			t.Skip("no disk can be mounted here: ", err)
		}
		func() {
			defer func() {
				if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil { // containerd leaves a look for fsverity to the garbage collector
					t.Errorf("unmount the disk: %v", err)
				}
			}()
			service, err := image.Open(context.Background(), dir)
			if err != nil {
				return // not even an empty store fits
			}
			e := engineOf(service, dir)
			defer e.Close()
			if err := e.pull(name); err != nil {
				full++
				if !errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), "no space left on device") && !strings.Contains(err.Error(), "not enough space") {
					t.Errorf("with %d KiB: %v", size, err)
				}
				if _, err := e.Get(context.Background(), name+":1"); !fault.Is(err, fault.NotFound) {
					t.Errorf("with %d KiB something is visible: %v", size, err)
				}
				if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=64m"); err != nil {
					t.Fatal(err)
				}
				if err := e.pull(name); err != nil {
					t.Errorf("after %d KiB, with space enough: %v", size, err)
				}
			}
			e.check(t, name+":1", s)
		}()
	}
	if full < 3 {
		t.Errorf("the disk was full only %d times", full)
	}
}
