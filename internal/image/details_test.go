package image

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/image/instruction"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestAHistoryGivesLayersTheirSizesAndTheTopItsID(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	at := time.Unix(1_700_000_000, 0).UTC()
	got := steps([]ocispec.History{
		{Created: &at, CreatedBy: "ADD rootfs"}, {CreatedBy: "CMD sh", EmptyLayer: true}, {CreatedBy: "RUN x", Comment: "why"}, {CreatedBy: "RUN too many"},
	}, []int64{10, 20})
	want := []Step{{ID: "<missing>", CreatedBy: "RUN too many"}, {ID: "<missing>", CreatedBy: "RUN x", Comment: "why", Size: 20},
		{ID: "<missing>", CreatedBy: "CMD sh"}, {ID: "<missing>", Created: at, CreatedBy: "ADD rootfs", Size: 10}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	base, err := s.Import(ctx, bytes.NewReader(busyboxLayer(t)), ImportOptions{Repo: "base", Tag: "1", Message: "a base"})
	if err != nil {
		t.Fatal(err)
	}
	child := mustCommit(t, s, base, "child")
	hist, err := (Details{s}).History(ctx, "child", nil)
	if err != nil || len(hist) != 2 {
		t.Fatalf("%+v, %v", hist, err)
	}
	if h := hist[0]; h.ID != child.ID.String() || !reflect.DeepEqual(h.Tags, []string{"child:latest"}) || h.CreatedBy != "sh" || h.Size == 0 {
		t.Errorf("top: %+v", h)
	}
	if h := hist[1]; h.ID != base.ID.String() || !reflect.DeepEqual(h.Tags, []string{"base:1"}) || h.Comment != "a base" || h.Size < 100_000 {
		t.Errorf("base: %+v", h)
	}
}

// mustCommit makes an image of another one with a file more.
func mustCommit(t testing.TB, s *Service, parent Image, name string) Image {
	t.Helper()
	img, err := s.Commit(context.Background(), CommitOptions{Parent: parent.ID, Repo: name, CreatedBy: "sh", Own: instruction.Config{}}, func(w io.Writer) error {
		_, err := w.Write(makeTar(t, file{name: "more-" + name, data: []byte(name)}))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestAPlatformThatIsAskedForIsShownAsItWouldRun(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...))
	d := Details{s}
	img, err := d.Variant(ctx, "many:1", linux("arm64"))
	whole, _ := s.Get(ctx, "many:1")
	if err != nil || img.ID != whole.ID || img.Config.Architecture != "arm64" || reflect.DeepEqual(img.DiffIDs, whole.DiffIDs) || img.ContentSize >= whole.ContentSize {
		t.Errorf("%+v, %v", img, err)
	}
	if _, err := d.Variant(ctx, "many:1", linux("riscv64")); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "does not provide the specified platform (linux/riscv64)") {
		t.Error(err)
	}
	list, err := d.Manifests(ctx, whole)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if m := list[0]; m.Kind != KindImage || !m.Available || m.Unpacked == 0 || m.Platform.Architecture != "amd64" {
		t.Errorf("%+v", m)
	}
	if m := list[1]; m.Kind != KindImage || !m.Available || m.Unpacked != 0 || m.Content == 0 {
		t.Errorf("%+v", m)
	}
	if m := list[2]; m.Kind != KindAttestation || m.For != list[0].Descriptor.Digest {
		t.Errorf("%+v", m)
	}
}

func TestAttestationsAreThoseBesideThePlatformsManifest(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...))
	mustLoad(t, s, legacyArchive(t, []string{"plain:1"}, makeTar(t, file{name: "a"})))
	d, amd, arm, none := Details{s}, linux("amd64"), linux("arm64"), linux("riscv64")
	list, err := d.Attestations(ctx, "many:1", AttestationOptions{Platform: &amd, Bodies: true})
	if err != nil || len(list) != 1 || list[0].Type != "https://slsa.dev/provenance/v1" || !strings.HasPrefix(string(list[0].Body), `{"predicateType"`) {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := d.Attestations(ctx, "many:1", AttestationOptions{Platform: &amd, Types: []string{"other"}}); err != nil || len(list) != 0 {
		t.Errorf("another type: %+v, %v", list, err)
	}
	if list, err := d.Attestations(ctx, "many:1", AttestationOptions{Platform: &arm}); err != nil || len(list) != 0 {
		t.Errorf("a platform without: %+v, %v", list, err)
	}
	if _, err := d.Attestations(ctx, "many:1", AttestationOptions{Platform: &none}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if list, err := d.Attestations(ctx, "plain:1", AttestationOptions{Platform: &amd}); err != nil || len(list) != 0 {
		t.Errorf("an image without an index: %+v, %v", list, err)
	}
}

func TestALoadForPlatformsKeepsTheseAndUnpacksThem(t *testing.T) {
	archive := makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...)
	s := openStore(t)
	ctx := context.Background()
	if _, err := s.Load(ctx, bytes.NewReader(archive), LoadOptions{Platforms: []ocispec.Platform{linux("arm64"), linux("riscv64")}}); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "requested platform (linux/riscv64) not found") {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, bytes.NewReader(archive), LoadOptions{Platforms: []ocispec.Platform{linux("arm64")}}); err != nil {
		t.Fatal(err)
	}
	img, err := s.Get(ctx, "many:1")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := s.Layers(ctx, img.ID)
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	if m, _ := filepath.Glob(dirs[0] + "/*"); len(m) != 1 || filepath.Base(m[0]) != "arm" {
		t.Errorf("layers %q", m)
	}
	mustLoad(t, s, archive) // and the rest of it later
	img, _ = s.Get(ctx, "many:1")
	list, err := (Details{s}).Manifests(ctx, img)
	if err != nil || !list[0].Available || list[0].Unpacked == 0 || !list[1].Available || list[1].Unpacked == 0 || img.Platform.Architecture != "amd64" {
		t.Errorf("%+v, %v", list, err)
	}
	dirs, err = s.Layers(ctx, img.ID)
	if m, _ := filepath.Glob(dirs[0] + "/*"); err != nil || filepath.Base(m[0]) != "amd" {
		t.Errorf("layers %q, %v", m, err)
	}
}

func TestRemovingPlatformsGivesTheirSpaceBackAndKeepsTheIndex(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	small(t, s, "bystander:1")
	empty := state(t, s)
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...))
	img, _ := s.Get(ctx, "many:1")
	list, _ := (Details{s}).Manifests(ctx, img)
	used := func(digest.Digest) []Use { return []Use{{ContainerID: strings.Repeat("c", 64)}} }
	remove := func(use func(digest.Digest) []Use, archs ...string) ([]Removal, error) {
		var p []ocispec.Platform
		for _, a := range archs {
			p = append(p, linux(a))
		}
		return s.Remove(ctx, "many:1", RemoveOptions{Platforms: p, InUse: use})
	}
	if _, err := remove(used, "amd64"); !fault.Is(err, fault.Conflict) {
		t.Error("a used platform: ", err)
	}
	if _, err := remove(nil, "riscv64"); !fault.Is(err, fault.NotFound) {
		t.Error("a platform that is not there: ", err)
	}
	got, err := remove(used, "arm64")
	if err != nil || !reflect.DeepEqual(got, []Removal{{Deleted: list[1].Descriptor.Digest.String()}}) {
		t.Fatalf("%v, %v", got, err)
	}
	less, _ := s.Get(ctx, "many:1")
	list, err = (Details{s}).Manifests(ctx, less)
	if err != nil || !list[0].Available || list[1].Available || less.ID != img.ID || less.Size >= img.Size {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err = remove(nil, "amd64"); err != nil || !reflect.DeepEqual(got, []Removal{{Untagged: "many:1"}, {Deleted: img.ID.String()}}) {
		t.Errorf("the last one: %v, %v", got, err)
	}
	if left := state(t, s); left != empty {
		t.Errorf("left behind:\n%s", left)
	}
}
