package image

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/tarball"

	"github.com/opencontainers/go-digest"
)

func TestArchivesThatXzAndBzip2HavePackedLoadAndTruncatedOnesLeaveNothing(t *testing.T) {
	archive := legacyArchive(t, []string{"packed:1"}, makeTar(t, file{name: "etc/new", data: []byte(strings.Repeat("x", 5000))}))
	for _, program := range []string{"xz", "bzip2"} {
		packed := packedBy(t, archive, program)
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

func TestLayersThatXzAndBzip2HavePackedAreKeptUnpacked(t *testing.T) {
	layer := busyboxLayer(t)
	for _, program := range []string{"xz", "bzip2"} {
		packed := packedBy(t, layer, program)
		s := openStore(t)
		archive := makeTar(t,
			file{name: "c.json", data: configOf(t, layer)}, file{name: "l.tar", data: packed},
			file{name: "manifest.json", data: mustJSON(t, []tarball.Legacy{{Config: "c.json", RepoTags: []string{"x:1"}, Layers: []string{"l.tar"}}})})
		mustLoad(t, s, archive)
		img, err := s.Get(context.Background(), "x:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, kept := img.Parts[digest.FromBytes(layer)]; !kept {
			t.Errorf("%s: %v", program, img.Parts)
		}
		if _, kept := img.Parts[digest.FromBytes(packed)]; kept {
			t.Errorf("%s: the packed layer is kept beside it", program)
		}
		before := state(t, s)
		half := makeTar(t,
			file{name: "c.json", data: configOf(t, layer)}, file{name: "l.tar", data: packed[:len(packed)/2]},
			file{name: "manifest.json", data: mustJSON(t, []tarball.Legacy{{Config: "c.json", RepoTags: []string{"y:1"}, Layers: []string{"l.tar"}}})})
		if _, err := s.Load(context.Background(), bytes.NewReader(half), LoadOptions{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", program, err)
		}
		if after := state(t, s); after != before {
			t.Errorf("%s left behind:\n%s", program, after)
		}
	}
}

func packedBy(t *testing.T, data []byte, program string) []byte {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Stdin = bytes.NewReader(data)
	packed, err := cmd.Output()
	if err != nil {
		t.Fatal(program, err)
	}
	return packed
}
