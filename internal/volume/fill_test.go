//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// directory gives Fill a directory to copy.
func directory(path string) Source {
	return func() (*os.File, []*os.File, error) {
		dir, err := os.Open(path)
		return dir, nil, err
	}
}

func TestAVolumeIsFilledOnceAndOnlyWhenItHoldsNothing(t *testing.T) {
	s := open(t)
	source := t.TempDir()
	must(t, os.MkdirAll(source+"/sub/deep", 0o755))
	must(t, os.WriteFile(source+"/sub/deep/f", []byte("image"), 0o600))
	must(t, os.WriteFile(source+"/g", []byte("image"), 0o600))
	must(t, os.Chmod(source, os.ModeSticky|0o751))
	v, _, err := s.Create(Request{Name: "data"})
	must(t, err)
	must(t, s.Fill(t.Context(), "data", func() (*os.File, []*os.File, error) { return nil, nil, nil }))
	must(t, s.Fill(t.Context(), "data", directory(source)))
	for path, want := range map[string]string{"/sub/deep/f": "image", "/g": "image"} {
		if got, err := os.ReadFile(v.Dir + path); string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	info, err := os.Stat(v.Dir)
	must(t, err)
	if info.Mode() != os.ModeDir|os.ModeSticky|0o751 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := filepath.Glob(filepath.Dir(v.Dir) + "/.*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	must(t, os.RemoveAll(v.Dir+"/sub"))
	must(t, s.Fill(t.Context(), "data", func() (*os.File, []*os.File, error) {
		t.Error("asked for what to copy into a volume that holds something")
		return nil, nil, nil
	}))
	if _, err := os.Stat(v.Dir + "/sub"); err == nil {
		t.Error("what the user has removed is there again")
	}
}

// The container's side of a race: whatever the copy makes in the volume becomes
// a link to somewhere else at once.
func TestAContainerInTheVolumeDoesNotLeadTheCopyElsewhere(t *testing.T) {
	s := open(t)
	source, outside := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(source+"/sub", 0o755))
	for i := range 200 {
		must(t, os.WriteFile(filepath.Join(source, "sub", string(rune('a'+i%26))+string(rune('a'+i/26))), []byte("x"), 0o644))
	}
	v, _, err := s.Create(Request{Name: "data"})
	must(t, err)
	dir := v.Dir
	var done atomic.Bool
	swapped := make(chan bool)
	go func() {
		for !done.Load() {
			if os.Rename(dir+"/sub", dir+"/gone") == nil {
				_ = os.Symlink(outside, dir+"/sub")
				swapped <- true
				return
			}
		}
		swapped <- false
	}()
	must(t, s.Fill(t.Context(), "data", directory(source)))
	done.Store(true)
	<-swapped
	if got, _ := os.ReadDir(outside); len(got) != 0 {
		t.Errorf("%d files were copied out of the volume", len(got))
	}
}

func TestACopyThatAKilledDaemonWasMovingGetsToItsEnd(t *testing.T) {
	s := open(t)
	v, _, err := s.Create(Request{Name: "data"})
	must(t, err)
	home := filepath.Dir(v.Dir)
	must(t, os.MkdirAll(home+"/.berth-filled-1/copy/rest", 0o755))
	must(t, os.Chmod(home+"/.berth-filled-1/copy", 0o750))
	must(t, os.WriteFile(home+"/.berth-filled-1/copy/taken", []byte("image"), 0o644))
	must(t, os.WriteFile(v.Dir+"/moved", []byte("image"), 0o644))
	must(t, os.WriteFile(v.Dir+"/taken", []byte("user"), 0o644)) // made by a container meanwhile
	s = again(t, s)
	s.Close()
	entries, err := os.ReadDir(v.Dir)
	must(t, err)
	if len(entries) != 3 || entries[1].Name() != "rest" {
		t.Error(entries)
	}
	if got, _ := os.ReadFile(v.Dir + "/taken"); string(got) != "user" {
		t.Errorf("what a container wrote was overwritten: %q", got)
	}
	if info, err := os.Stat(v.Dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Error("the volume's mode is not the image's:", info.Mode(), err)
	}
	if left, _ := filepath.Glob(home + "/.*"); len(left) != 0 {
		t.Error("left behind:", left)
	}
}

// A volume that holds something is not filled again: so there is nothing in it after a
// copy that came to nothing.
func TestAFullDiskInTheMiddleOfAFillLeavesTheVolumeEmptyAndTheNextFillIsWhole(t *testing.T) {
	root := t.TempDir()
	must(t, unix.Mount("tmpfs", root, "tmpfs", 0, "size=2m"))
	t.Cleanup(func() {
		if err := unix.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(root + "/volumes")
	must(t, err)
	source := t.TempDir()
	for i := range 30 {
		must(t, os.WriteFile(fmt.Sprintf("%s/%02d", source, i), make([]byte, 100_000), 0o644))
	}
	v, _, err := s.Create(Request{Name: "data"})
	must(t, err)
	err = s.Fill(t.Context(), "data", directory(source))
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "the volume data cannot be filled") {
		t.Errorf("the error is %v", err)
	}
	for _, dir := range []string{v.Dir, filepath.Dir(v.Dir)} {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			if e.Name() != dataDir && e.Name() != recordFile {
				t.Errorf("left in %s: %s", dir, e.Name())
			}
		}
	}
	must(t, unix.Mount("tmpfs", root, "tmpfs", unix.MS_REMOUNT, "size=8m"))
	must(t, s.Fill(t.Context(), "data", directory(source)))
	if entries, err := os.ReadDir(v.Dir); err != nil || len(entries) != 30 {
		t.Errorf("%d files: %v", len(entries), err)
	}
}

func TestAFillThatNobodyWaitsForAnyMoreLeavesTheVolumeEmpty(t *testing.T) {
	s := open(t)
	source := t.TempDir()
	must(t, os.WriteFile(source+"/f", []byte("image"), 0o644))
	v, _, err := s.Create(Request{Name: "data"})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Fill(ctx, "data", directory(source)); !fault.Is(err, fault.Cancelled) {
		t.Errorf("the error is %v", err)
	}
	for _, dir := range []string{v.Dir + "/*", filepath.Dir(v.Dir) + "/.*"} {
		if left, _ := filepath.Glob(dir); len(left) != 0 {
			t.Error(left)
		}
	}
}

func TestAVolumeWithAFileSystemOfItsOwnLosesWhatAKilledDaemonLeftInIt(t *testing.T) {
	s := open(t)
	source, disk := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(source+"/f", []byte("image"), 0o644))
	must(t, os.MkdirAll(disk+"/.berth-fill-1/copy", 0o755))
	must(t, os.MkdirAll(disk+"/.berth-filled-2/copy", 0o755))
	must(t, os.WriteFile(disk+"/.berth-filled-2/copy/g", []byte("image"), 0o644))
	must(t, os.Symlink(source, disk+"/.berth-filled-3")) // not ours: it is not entered
	_, _, err := s.Create(Request{Name: "data", Options: map[string]string{"type": "none", "o": "bind", "device": disk}})
	must(t, err)
	if err := s.Fill(t.Context(), "data", directory(source)); err == nil {
		t.Error("a link that leads out of the volume is followed")
	}
	must(t, os.Remove(disk+"/.berth-filled-3"))
	must(t, s.Fill(t.Context(), "data", directory(source)))
	left, err := filepath.Glob(disk + "/[.g]*")
	must(t, err)
	if len(left) != 1 || left[0] != disk+"/g" {
		t.Error(left)
	}
	if _, err := os.Stat(source + "/f"); err != nil {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
