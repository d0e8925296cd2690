package image

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/image/budget"

	"github.com/opencontainers/go-digest"
)

// onDisk is what du(1) says of content and layers: blocks of every inode once.
func onDisk(t testing.TB, s *Service) int64 {
	t.Helper()
	var sum int64
	seen := map[uint64]bool{}
	for _, dir := range []string{"content/blobs", "snapshots/snapshots"} {
		err := filepath.WalkDir(filepath.Join(s.root, dir), func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if st := info.Sys().(*syscall.Stat_t); !seen[st.Ino] {
				seen[st.Ino] = true
				sum += st.Blocks * 512
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return sum
}

func TestAPruneTakesWhatNobodyUsesAndSaysExactlyWhatItGaveBack(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	kept, err := s.Import(ctx, bytes.NewReader(busyboxLayer(t)), ImportOptions{Repo: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, kept, "other") // shares the layer
	if err := s.Tag(ctx, "other", "other:2"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(ctx, bytes.NewReader(makeTar(t, file{name: "dangling", data: bytes.Repeat([]byte("y"), 1<<20)})), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	space := NewSpace(s)
	inUse := func(id digest.Digest) []Use {
		if id == kept.ID {
			return []Use{{ContainerID: "c"}}
		}
		return nil
	}
	for _, c := range []struct {
		opts PruneOptions
		want []string
	}{
		{PruneOptions{All: true, Until: time.Unix(1, 0)}, nil},
		{PruneOptions{Matches: func(map[string]string) bool { return false }}, nil},
		{PruneOptions{}, []string{"Deleted"}},
		{PruneOptions{All: true}, []string{"other:2", "other:latest", "Deleted"}},
	} {
		c.opts.InUse = inUse
		before := onDisk(t, s)
		report, err := space.Prune(ctx, c.opts)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, gone := range report.Removed {
			for _, line := range gone.Removals {
				if line.Deleted != "" {
					line.Untagged = "Deleted"
				}
				got = append(got, line.Untagged)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("removed %q, not %q", got, c.want)
		}
		// A blob counts by its bytes, and the disk by its blocks.
		if freed := before - onDisk(t, s); report.Reclaimed > freed || freed-report.Reclaimed > int64(len(report.Removed))*6*4096 {
			t.Errorf("reclaimed %d, and the disk has %d more", report.Reclaimed, freed)
		}
	}
	if list, _ := s.List(ctx); len(list) != 1 || list[0].ID != kept.ID {
		t.Errorf("left: %+v", list)
	}
}

func TestTheSumOfAllPartsIsWhatTheDiskHolds(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"a:1"}, busyboxLayer(t)))
	mustLoad(t, s, legacyArchive(t, []string{"b:1"}, busyboxLayer(t), makeTar(t, file{name: "own", data: bytes.Repeat([]byte("x"), 1<<20)})))
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...))
	list, _ := s.List(context.Background())
	parts := map[digest.Digest]int64{}
	for _, img := range list {
		for p, size := range img.Parts {
			parts[p] = size
		}
	}
	var sum int64
	for _, size := range parts {
		sum += size
	}
	// The directories around blobs and layers are nobody's.
	if du := onDisk(t, s); du < sum || du-sum > int64(len(parts)+10)*4096*2 {
		t.Errorf("the images count %d bytes in %d parts, du %d", sum, len(parts), du)
	}
}

func TestDanglingParentsGoWithTheirLastChildUnlessNopruneSaysSo(t *testing.T) {
	ctx := context.Background()
	for _, noPrune := range []bool{false, true} {
		s := openStore(t)
		base, err := s.Import(ctx, bytes.NewReader(busyboxLayer(t)), ImportOptions{Repo: "base"})
		if err != nil {
			t.Fatal(err)
		}
		child := mustCommit(t, s, base, "child")
		grand := mustCommit(t, s, child, "grand")
		for _, name := range []string{"child", "base"} {
			if got, err := s.Remove(ctx, name, RemoveOptions{}); err != nil || !reflect.DeepEqual(got, []Removal{{Untagged: name + ":latest"}}) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		if _, err := s.Remove(ctx, child.ID.String(), RemoveOptions{Force: true}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "(cannot be forced) - image has dependent child images") {
			t.Error(err)
		}
		if report, err := NewSpace(s).Prune(ctx, PruneOptions{}); err != nil || len(report.Removed) != 0 {
			t.Errorf("a prune took %+v, %v", report, err)
		}
		want := []Removal{{Untagged: "grand:latest"}, {Deleted: grand.ID.String()}, {Deleted: child.ID.String()}, {Deleted: base.ID.String()}}
		if noPrune {
			want = want[:2]
		}
		if got, err := s.Remove(ctx, "grand", RemoveOptions{NoPrune: noPrune}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("noprune %v: %v, %v", noPrune, got, err)
		}
	}
}

func TestAProtectedImageGoesOnlyByForce(t *testing.T) {
	root := t.TempDir()
	s := openAt(t, root)
	ctx := context.Background()
	small(t, s, "x:1")
	if _, err := NewSpace(s).Protect(ctx, "nothing", true); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := NewSpace(s).Protect(ctx, "x:1", true); err != nil {
		t.Fatal(err)
	}
	img, _ := s.Get(ctx, "x:1")
	if !img.Protected {
		t.Error("the image does not say that it is protected")
	}
	if report, err := NewSpace(s).Prune(ctx, PruneOptions{All: true}); err != nil || len(report.Removed) != 0 {
		t.Errorf("a prune took %+v, %v", report, err)
	}
	for _, word := range []string{"x:1", img.ID.String()} {
		if _, err := s.Remove(ctx, word, RemoveOptions{}); !fault.Is(err, fault.Conflict) || !strings.HasSuffix(err.Error(), "(must be forced) - image is protected") {
			t.Errorf("%s: %v", word, err)
		}
	}
	if _, err := NewSpace(s).Protect(ctx, "x:1", false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(ctx, "x:1", RemoveOptions{}); err != nil {
		t.Error(err)
	}
}

func TestAnEvictionTakesTheLeastRecentlyUsedThatNobodyHolds(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	space := NewSpace(s)
	ids := map[string]digest.Digest{}
	for i, name := range []string{"a", "b", "c", "d"} {
		img, err := s.Import(ctx, bytes.NewReader(makeTar(t, file{name: name, data: bytes.Repeat([]byte(name), 1<<20)})), ImportOptions{Repo: name})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = img.ID
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(s.uses.path(img.ID), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := space.Protect(ctx, "b", true); err != nil {
		t.Fatal(err)
	}
	inUse := func(id digest.Digest) []Use {
		if id == ids["a"] {
			return []Use{{ContainerID: "c"}}
		}
		return nil
	}
	if done, err := space.Evict(ctx, budget.Budget{Bytes: 1 << 30}, inUse); err != nil || len(done.Removed) != 0 || done.Short != 0 {
		t.Errorf("under the budget: %+v, %v", done, err)
	}
	done, err := space.Evict(ctx, budget.Budget{Bytes: 7 << 20}, inUse)
	if err != nil || len(done.Removed) != 1 || done.Removed[0].Image.ID != ids["c"] || done.Short != 0 || done.Reclaimed < 2<<20 {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := os.Stat(s.uses.path(ids["c"])); err == nil {
		t.Error("the time stamp of an image that is gone stayed")
	}
	space.Use(ids["d"])
	if done, err := space.Evict(ctx, budget.Budget{Bytes: 1}, inUse); err != nil || len(done.Removed) != 0 || done.Short < 6<<20-1 {
		t.Errorf("what was just used: %+v, %v", done, err)
	}
	if done, err := space.Evict(ctx, budget.Budget{Percent: 1e-9}, inUse); err != nil || done.Short == 0 {
		t.Errorf("a share that is exceeded: %+v, %v", done, err)
	}
}
