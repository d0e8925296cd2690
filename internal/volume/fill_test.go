//go:build linux

package volume

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

func TestAVolumeIsFilledWithWhatIsThereAlreadyLeftAlone(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "volumes"))
	must(t, err)
	source := t.TempDir()
	must(t, os.MkdirAll(source+"/sub/deep", 0o755))
	must(t, os.WriteFile(source+"/sub/deep/f", []byte("image"), 0o600))
	must(t, os.WriteFile(source+"/g", []byte("image"), 0o600))
	must(t, os.Chmod(source, os.ModeSticky|0o751))
	dir, _, err := s.Ensure("data")
	must(t, err)
	must(t, os.WriteFile(dir+"/g", []byte("user"), 0o600))
	must(t, s.Fill("data", source))
	for path, want := range map[string]string{"/sub/deep/f": "image", "/g": "user"} {
		if got, err := os.ReadFile(dir + path); string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode() != os.ModeDir|os.ModeSticky|0o751 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// The container's side of a race: whatever the copy makes in the volume becomes
// a link to somewhere else at once.
func TestAContainerInTheVolumeDoesNotLeadTheCopyElsewhere(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "volumes"))
	must(t, err)
	source, outside := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(source+"/sub", 0o755))
	for i := range 200 {
		must(t, os.WriteFile(filepath.Join(source, "sub", string(rune('a'+i%26))+string(rune('a'+i/26))), []byte("x"), 0o644))
	}
	dir, _, err := s.Ensure("data")
	must(t, err)
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
	must(t, s.Fill("data", source))
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
