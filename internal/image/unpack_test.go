package image

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"os"
	"testing"
)

// Layers are unpacked at once; what one keeps of those below it must not depend on which is faster.
func TestADirectoryThatALayerLeavesOutIsAsInTheLayersBelow(t *testing.T) {
	base := makeTar(t, file{name: "kept/", kind: tar.TypeDir, mode: 0o710}, file{name: "big", data: bytes.Repeat([]byte("slow "), 1<<20)}, file{name: "kept/a"})
	above := makeTar(t, file{name: "kept/b"}, file{name: "own/", kind: tar.TypeDir, mode: 0o700}, file{name: "own/c"})
	top := makeTar(t, file{name: "own/d"}, file{name: "new/e"})
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, base, above, top))
	img, err := s.Get(context.Background(), "x:1")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := s.Layers(context.Background(), img.ID)
	if err != nil || len(dirs) != 3 {
		t.Fatal(dirs, err)
	}
	for path, want := range map[string]fs.FileMode{
		dirs[2] + "/kept": 0o710, dirs[1] + "/kept": 0o710, dirs[1] + "/own": 0o700, dirs[0] + "/own": 0o700, dirs[0] + "/new": 0o755,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %o", path, info, err, want)
		}
	}
	for _, path := range []string{dirs[1] + "/kept/b", dirs[1] + "/own/c", dirs[0] + "/own/d", dirs[0] + "/new/e"} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dirs[0] + "/own/c"); err == nil {
		t.Error("a layer holds a file of the layer below it")
	}
}
