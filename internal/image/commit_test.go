package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/instruction"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func writes(stream []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(stream); return err }
}

func TestACommitIsItsParentWithOneMoreLayer(t *testing.T) {
	ctx := context.Background()
	for kind, archive := range map[string]func(layer []byte) []byte{
		"docker": func(layer []byte) []byte { return legacyArchive(t, []string{"base:1"}, layer) },
		"oci": func(layer []byte) []byte {
			return makeTar(t, layoutFiles(t, map[string]string{"io.containerd.image.name": "docker.io/library/base:1"}, layer)...)
		},
	} {
		s := openStore(t)
		mustLoad(t, s, archive(makeTar(t, file{name: "kept", data: []byte("1")}, file{name: "gone", data: []byte("2")})))
		base, err := s.Get(ctx, "base:1")
		if err != nil {
			t.Fatal(err)
		}
		// What it begins with looks packed, and is the name of a file.
		layer := makeTar(t, file{name: "\x1f\x8b\x08", data: []byte("3")}, file{name: ".wh.gone"}, file{name: "new", data: []byte("4")})
		own := instruction.Config{ImageConfig: ocispec.ImageConfig{Env: []string{"A=1"}, Cmd: []string{"sh"}}}
		img, err := s.Commit(ctx, CommitOptions{Parent: base.ID, Repo: "made", Tag: "one", Comment: "why", Author: "me", CreatedBy: "sh -c x", Changes: []string{"ENV B=2"}, Own: own}, writes(layer))
		if err != nil {
			t.Fatal(kind, err)
		}
		if img.Parent != base.ID || !slices.Equal(img.Names, []string{"docker.io/library/made:one"}) || !slices.Equal(img.DiffIDs, append(slices.Clone(base.DiffIDs), digest.FromBytes(layer))) {
			t.Errorf("%s: %+v", kind, img)
		}
		h := img.Config.History[len(img.Config.History)-1]
		if len(img.Config.History) != len(base.Config.History)+1 || h.Author != "me" || h.Comment != "why" || h.CreatedBy != "sh -c x" || h.EmptyLayer || img.Config.Author != "me" || img.Created.IsZero() {
			t.Errorf("%s: %+v", kind, img.Config)
		}
		if !slices.Equal(img.Config.Config.Env, []string{"A=1", "B=2"}) || img.Platform.Architecture != base.Platform.Architecture {
			t.Errorf("%s: %+v", kind, img.Config)
		}
		dirs, err := s.Layers(ctx, img.ID)
		if err != nil || len(dirs) != 2 {
			t.Fatal(kind, dirs, err)
		}
		if b, err := os.ReadFile(dirs[0] + "/new"); string(b) != "4" || err != nil {
			t.Error(kind, err)
		}
		// A second one of the same tree shares the layer; the parent's removal takes nothing from either.
		again, err := s.Commit(ctx, CommitOptions{Parent: base.ID, Own: own}, writes(layer))
		if err != nil || len(again.Names) != 0 || !slices.Equal(again.DiffIDs, img.DiffIDs) || again.ID == img.ID {
			t.Errorf("%s: %+v %v", kind, again, err)
		}
		for _, ref := range []string{"base:1", again.ID.String()} {
			if _, err := s.Remove(ctx, ref, RemoveOptions{}); err != nil {
				t.Error(kind, err)
			}
		}
		if b, err := os.ReadFile(dirs[1] + "/kept"); string(b) != "1" || err != nil {
			t.Error(kind, "the parent's layer went with the parent's name", err)
		}
	}
}

func TestACommitIsThereForTheNextDaemon(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	s, err := Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	base := small(t, s, "x:1")
	img, err := s.Commit(ctx, CommitOptions{Parent: base.ID, Repo: "made"}, writes(makeTar(t, file{name: "new", data: []byte("1")})))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, root)
	got, err := s.Get(ctx, "made")
	if err != nil || got.ID != img.ID || got.Parent != base.ID || !slices.Equal(got.Names, []string{"docker.io/library/made:latest"}) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestAContainerThatHasChangedNothingAddsNoLayer(t *testing.T) {
	s := openStore(t)
	base := small(t, s, "x:1")
	img, err := s.Commit(context.Background(), CommitOptions{Parent: base.ID, Changes: []string{"USER 5"}}, func(w io.Writer) error { return tar.NewWriter(w).Close() })
	if err != nil || !slices.Equal(img.DiffIDs, base.DiffIDs) || !img.Config.History[len(img.Config.History)-1].EmptyLayer || img.Config.Config.User != "5" {
		t.Errorf("%+v %v", img, err)
	}
}

func TestACommitThatFailsLeavesNothing(t *testing.T) {
	s := openStore(t)
	base := small(t, s, "x:1")
	before := state(t, s)
	good := makeTar(t, file{name: "new", data: bytes.Repeat([]byte("x"), 1<<20)})
	gone := errors.New("the client is gone")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, c := range map[string]struct {
		opts CommitOptions
		pack func(io.Writer) error
		text string
	}{
		"the stream breaks":     {CommitOptions{Parent: base.ID}, func(w io.Writer) error { w.Write(good[:1<<19]); return gone }, "the client is gone"},
		"the layer is no tar":   {CommitOptions{Parent: base.ID}, writes(bytes.Repeat([]byte("x"), 5000)), "failed to extract layer"},
		"the layer wants out":   {CommitOptions{Parent: base.ID}, writes(makeTar(t, file{name: "../evil"})), "failed to extract layer"},
		"no such image":         {CommitOptions{Parent: digest.FromString("x")}, writes(good), "No such image"},
		"a bad name":            {CommitOptions{Parent: base.ID, Repo: "UPPER"}, writes(good), "must be lowercase"},
		"a digest as a name":    {CommitOptions{Parent: base.ID, Repo: "x@" + base.ID.String()}, writes(good), "digest reference"},
		"a bad tag":             {CommitOptions{Parent: base.ID, Repo: "x", Tag: "a b"}, writes(good), "invalid tag format"},
		"a bad instruction":     {CommitOptions{Parent: base.ID, Changes: []string{"RUN x"}}, writes(good), "not a valid change command"},
		"the client goes early": {CommitOptions{Parent: base.ID}, func(w io.Writer) error { cancel(); _, err := w.Write(good); return err }, "canceled"},
	} {
		run := context.Background()
		if name == "the client goes early" {
			run = ctx
		}
		if _, err := s.Commit(run, c.opts, c.pack); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: kind %v, %v", name, fault.KindOf(err), err)
		}
		for line := range strings.Lines(state(t, s)) {
			if !strings.Contains(before, line) {
				t.Errorf("%s left %s", name, line)
			}
		}
	}
}
