package image

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

func TestArchivesThatXzAndBzip2HavePackedLoadAndTruncatedOnesLeaveNothing(t *testing.T) {
	archive := legacyArchive(t, []string{"packed:1"}, makeTar(t, file{name: "etc/new", data: []byte(strings.Repeat("x", 5000))}))
	for _, program := range []string{"xz", "bzip2"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
		cmd := exec.Command(program)
		cmd.Stdin = bytes.NewReader(archive)
		packed, err := cmd.Output()
		if err != nil {
			t.Fatal(program, err)
		}
		s := openStore(t)
		if _, err := s.Load(t.Context(), bytes.NewReader(packed[:len(packed)/2]), LoadOptions{}); err == nil {
			t.Errorf("half of what %s made is loaded", program)
		}
		if list, err := s.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%d images, %v", len(list), err)
		}
		if lines := mustLoad(t, s, packed); len(lines) != 1 || lines[0] != "Loaded image: packed:1" {
			t.Errorf("%s: %q", program, lines)
		}
	}
}
