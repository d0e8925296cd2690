//go:build linux

package volume

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// directory gives Fill a directory to copy.
func directory(path string) func() (*os.File, error) {
	return func() (*os.File, error) { return os.Open(path) }
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
	must(t, s.Fill("data", func() (*os.File, error) { return nil, nil }))
	must(t, s.Fill("data", directory(source)))
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
	must(t, s.Fill("data", func() (*os.File, error) {
		t.Error("asked for what to copy into a volume that holds something")
		return nil, nil
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
	must(t, s.Fill("data", directory(source)))
	done.Store(true)
	<-swapped
	if got, _ := os.ReadDir(outside); len(got) != 0 {
		t.Errorf("%d files were copied out of the volume", len(got))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
