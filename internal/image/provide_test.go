package image

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/instruction"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestAContainerMayRunAnotherPlatformOfAnIndexThanTheHosts(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...))
	if _, err := s.Provide(ctx, "many:1", linux("s390x")); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	img, err := s.Provide(ctx, "many:1", linux("arm64"))
	if err != nil || img.Platform.Architecture != "arm64" || img.Manifest.Digest == img.ID {
		t.Fatalf("%+v, %v", img, err)
	}
	again := openAt(t, s.root+"-beside") // another store knows nothing of it
	if _, err := again.Layers(ctx, img.Manifest.Digest); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if err := s.collect(scoped(ctx)); err != nil { // what the unpacked layers belong to is written down
		t.Fatal(err)
	}
	dirs, err := s.Layers(ctx, img.Manifest.Digest)
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	if _, err := os.Stat(filepath.Join(dirs[0], "arm")); err != nil {
		t.Error(err)
	}
	made, err := s.Commit(ctx, CommitOptions{Parent: img.ID, Manifest: img.Manifest.Digest, Repo: "made", Own: instruction.Config{}}, writes(makeTar(t, file{name: "more"})))
	if err != nil || made.Platform.Architecture != "arm64" || len(made.DiffIDs) != 2 || made.DiffIDs[0] != img.DiffIDs[0] {
		t.Errorf("%+v, %v", made, err)
	}
	uses := func(digest.Digest) []Use {
		return []Use{{ContainerID: strings.Repeat("c", 64), Manifest: img.Manifest.Digest}}
	}
	remove := func(arch string) error {
		_, err := s.Remove(ctx, "many:1", RemoveOptions{Platforms: []ocispec.Platform{linux(arch)}, InUse: uses})
		return err
	}
	if err := remove("arm64"); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	if err := remove("amd64"); err != nil {
		t.Error(err)
	}
	if dirs, err := s.Layers(ctx, img.Manifest.Digest); err != nil || len(dirs) != 1 {
		t.Error(dirs, err)
	}
}

func TestAManifestIsForThePlatformThatItsIndexNames(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", config: "amd64", layer: makeTar(t, file{name: "arm"})})...))
	img, err := s.Get(ctx, "many:1")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Details{s}.Manifests(ctx, img)
	if err != nil || len(list) < 2 || list[1].Platform.Architecture != "arm64" {
		t.Errorf("%+v, %v", list, err)
	}
}
