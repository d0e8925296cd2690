package image

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/embedded"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// small loads an image of one small layer that differs by its name.
func small(t testing.TB, s *Service, tags ...string) Image {
	t.Helper()
	mustLoad(t, s, legacyArchive(t, tags, makeTar(t, file{name: "file", data: []byte(tags[0])})))
	img, err := s.Get(context.Background(), tags[0])
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestAnImageIsFoundByEveryFormOfItsName(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	x := small(t, s, "x:latest")
	small(t, s, "quay.example/y:2")
	hex := x.ID.Encoded()
	for _, ref := range []string{"x", "x:latest", "docker.io/library/x", "index.docker.io/library/x:latest", x.ID.String(), hex, hex[:4], hex[:12], "sha256:" + hex[:7], "x@" + x.ID.String(), "x:other@" + x.ID.String()} {
		if img, err := s.Get(ctx, ref); err != nil || img.ID != x.ID {
			t.Errorf("%s: %v, %v", ref, img.ID, err)
		}
	}
	for ref, want := range map[string]struct {
		kind fault.Kind
		text string
	}{
		"gone":              {fault.NotFound, "No such image: gone:latest"},
		"x:2":               {fault.NotFound, "No such image: x:2"},
		"y:2":               {fault.NotFound, "No such image: y:2"},
		"z@" + string(x.ID): {fault.NotFound, "No such image: z@" + string(x.ID)},
		hex[:3]:             {fault.NotFound, "No such image: " + hex[:3] + ":latest"},
		"Upper":             {fault.Invalid, "invalid reference format: repository name (library/Upper) must be lowercase"},
		"a::b":              {fault.Invalid, "invalid reference format"},
		"":                  {fault.Invalid, "invalid reference format"},
	} {
		if _, err := s.Get(ctx, ref); !fault.Is(err, want.kind) || err.Error() != want.text {
			t.Errorf("%q: kind %v, %v", ref, fault.KindOf(err), err)
		}
	}
}

func TestATagIsGivenMovedAndRefused(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	x, y := small(t, s, "x:1"), small(t, s, "y:1")
	if err := s.Tag(ctx, "x:1", "y:1"); err != nil {
		t.Fatal(err)
	}
	moved, _ := s.Get(ctx, "y:1")
	old, err := s.Get(ctx, y.ID.String())
	if moved.ID != x.ID || err != nil || len(old.Names) != 0 || !reflect.DeepEqual(moved.Names, []string{"docker.io/library/x:1", "docker.io/library/y:1"}) {
		t.Errorf("moved %+v, old %+v, %v", moved.Names, old.Names, err)
	}
	if err := s.Tag(ctx, y.ID.String(), "again"); err != nil {
		t.Fatal(err)
	}
	if named, _ := s.Get(ctx, "again"); named.ID != y.ID || len(named.Names) != 1 {
		t.Errorf("named %+v", named)
	}
	for target, text := range map[string]string{
		"sha256":                         "refusing to create an ambiguous tag using digest algorithm as name",
		"a@" + x.ID.String():             "refusing to create a tag with a digest reference",
		"BAD":                            "invalid reference format: repository name (library/BAD) must be lowercase",
		strings.Repeat("0123456789", 10): "",
		x.ID.Encoded():                   "cannot specify 64-byte hexadecimal strings",
	} {
		err := s.Tag(ctx, "x:1", target)
		if text != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), text)) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestRemovingTheLastNameGivesAllSpaceBack(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	small(t, s, "bystander:1")
	before := state(t, s)
	mustLoad(t, s, legacyArchive(t, []string{"x:1", "x:2"}, busyboxLayer(t)))
	x, _ := s.Get(ctx, "x:1")
	used := func(digest.Digest) []Use { return []Use{{ContainerID: strings.Repeat("c", 64)}} }
	if got, err := s.Remove(ctx, "x:2", RemoveOptions{}); err != nil || !reflect.DeepEqual(got, []Removal{{Untagged: "x:2"}}) {
		t.Fatalf("%v, %v", got, err)
	}
	if got, err := s.Remove(ctx, "x:1", RemoveOptions{Force: true, InUse: used}); err != nil || !reflect.DeepEqual(got, []Removal{{Untagged: "x:1"}}) {
		t.Fatalf("%v, %v", got, err)
	}
	dirs, err := s.Layers(ctx, x.ID)
	if err != nil {
		t.Fatal("a used image lost its layers: ", err)
	}
	if _, err := os.Stat(filepath.Join(dirs[0], "bin/busybox")); err != nil {
		t.Error(err)
	}
	if got, err := s.Remove(ctx, x.ID.Encoded()[:12], RemoveOptions{}); err != nil || !reflect.DeepEqual(got, []Removal{{Deleted: x.ID.String()}}) {
		t.Fatalf("%v, %v", got, err)
	}
	if after := state(t, s); after != before {
		t.Errorf("left behind:\n%s\n--- before:\n%s", after, before)
	}
	if _, err := s.Layers(ctx, x.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("layers of a removed image: %v", err)
	}
	if _, err := s.Remove(ctx, "x:1", RemoveOptions{}); !fault.Is(err, fault.NotFound) || err.Error() != "No such image: x:1" {
		t.Error(err)
	}
}

func TestATarIsImportedWithChanges(t *testing.T) {
	layer := busyboxLayer(t)
	for name, p := range map[string][]byte{"plain": layer, "gzip": gzipOf(t, layer), "zstd": zstdOf(t, layer)} {
		s := openStore(t)
		img, err := s.Import(context.Background(), bytes.NewReader(p), ImportOptions{
			Repo: "debian", Message: "Imported from -", Changes: []string{`CMD ["sh"]`, "ENV A=1 B=2", "EXPOSE 80"},
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(img.Names, []string{"docker.io/library/debian:latest"}) || img.Config.History[0].Comment != "Imported from -" ||
			!reflect.DeepEqual(img.Config.Config.Env, []string{"A=1", "B=2"}) || img.DiffIDs[0] != digest.FromBytes(layer) {
			t.Errorf("%s: %+v", name, img)
		}
		dirs, err := s.Layers(context.Background(), img.ID)
		if err != nil || len(dirs) != 1 {
			t.Fatalf("%s: layers %q, %v", name, dirs, err)
		}
		if _, err := os.Stat(filepath.Join(dirs[0], "bin/busybox")); err != nil {
			t.Error(name, err)
		}
	}
}

func TestABadImportLeavesNothingBehind(t *testing.T) {
	s := openStore(t)
	small(t, s, "bystander:1")
	before := state(t, s)
	layer := busyboxLayer(t)
	for what, c := range map[string]struct {
		p    []byte
		opts ImportOptions
		text string
	}{
		"truncated":      {layer[:len(layer)/2], ImportOptions{}, "unexpected EOF"},
		"truncated gzip": {gzipOf(t, layer)[:50000], ImportOptions{}, "unexpected EOF"},
		"noise":          {bytes.Repeat([]byte("noise "), 1000), ImportOptions{}, "invalid tar header"},
		"bad change":     {layer, ImportOptions{Changes: []string{"RUN true"}}, "RUN is not a valid change command"},
		"bad name":       {layer, ImportOptions{Repo: "BAD"}, "must be lowercase"},
		"bad tag":        {layer, ImportOptions{Repo: "x", Tag: "a b"}, "invalid tag format"},
		"bad platform":   {layer, ImportOptions{Platform: "a/b/c/d"}, "a/b/c/d"},
	} {
		_, err := s.Import(context.Background(), bytes.NewReader(c.p), c.opts)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: kind %v, %v", what, fault.KindOf(err), err)
		}
	}
	if after := state(t, s); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}

func TestAFullDiskGivesOneErrorAndLeavesNothingBehind(t *testing.T) {
	for what, size := range map[string]string{"while reading": "size=2m", "while unpacking": "size=3500k"} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, size); err != nil {
				t.Skip("cannot mount a tmpfs: ", err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			s := openAt(t, dir)
			small(t, s, "bystander:1")
			before := state(t, s)
			_, err := s.Load(context.Background(), bytes.NewReader(legacyArchive(t, []string{"x:1"}, busyboxLayer(t))), LoadOptions{})
			if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.HasPrefix(err.Error(), "there is not enough space") {
				t.Fatal(err)
			}
			if after := state(t, s); after != before {
				t.Errorf("left behind:\n%s\n--- before:\n%s", after, before)
			}
			small(t, s, "after:1")
		})
	}
}

func TestTheEmbeddedImageIsMadeWhenItIsAskedFor(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	img, err := s.Get(ctx, "berth/hello")
	if _, missing := embedded.Program(); missing != nil {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("kind %v, %v", fault.KindOf(err), err)
		}
		t.Skip("berthd's program is not built (make build)")
	}
	if err != nil {
		t.Fatal(err)
	}
	if img.ContentSize >= 1<<20 {
		t.Errorf("the embedded image's content takes %d bytes", img.ContentSize)
	}
	dirs, err := s.Layers(ctx, img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dirs[0], "hello")); err != nil || st.Mode()&0o111 == 0 {
		t.Error(st, err)
	}
	before := state(t, s)
	if err := s.EnsureEmbedded(ctx); err != nil || state(t, s) != before {
		t.Error("a second EnsureEmbedded changed something: ", err)
	}
}
