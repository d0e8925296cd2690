//go:build linux

package transfer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/image/transfer"
	"berth/internal/remote"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestMain(m *testing.M) {
	log.SetOutput(discard{}) // the registry's server tells of the answers that it was told to break off
	os.Exit(m.Run())
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// sample is an image of an index, three layers and their documents.
type sample struct {
	files     map[string]string // by path, what is in the topmost layer that has it
	blobs     map[digest.Digest][]byte
	manifests []manifest // the index last
	size      int64      // of the layers
}

func makeSample(t testing.TB, layers int) sample {
	t.Helper()
	s := sample{files: map[string]string{}, blobs: map[digest.Digest][]byte{}}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	m.SchemaVersion = 2
	cfg := image.Config{}
	cfg.OS, cfg.Architecture, cfg.RootFS.Type = "linux", "amd64", "layers"
	add := func(kind string, b []byte) ocispec.Descriptor {
		d := digest.FromBytes(b)
		s.blobs[d] = b
		return ocispec.Descriptor{MediaType: kind, Digest: d, Size: int64(len(b))}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range layers {
		var raw, packed bytes.Buffer
		tw := tar.NewWriter(&raw)
		for j := range 3 {
			name, data := fmt.Sprintf("dir%d/file%d", i, j), make([]byte, 30_000)
			for k := range data {
				data[k] = byte(random.Uint32())
			}
			s.files[name] = string(data)
			if err := errors.Join(tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))})); err != nil {
				t.Fatal(err)
			}
			if _, err := tw.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		zw := gzip.NewWriter(&packed)
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := zw.Write(raw.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, digest.FromBytes(raw.Bytes()))
		layer := add(ocispec.MediaTypeImageLayerGzip, packed.Bytes())
		m.Layers = append(m.Layers, layer)
		s.size += layer.Size
	}
	m.Config = add(ocispec.MediaTypeImageConfig, encode(t, cfg))
	s.manifests = append(s.manifests, manifest{m.MediaType, encode(t, m)})
	idx := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	idx.SchemaVersion = 2
	b := s.manifests[0].body
	idx.Manifests = []ocispec.Descriptor{{MediaType: m.MediaType, Digest: digest.FromBytes(b), Size: int64(len(b)), Platform: &cfg.Platform}}
	s.manifests = append(s.manifests, manifest{idx.MediaType, encode(t, idx)})
	return s
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// offer puts the image into a registry, under the tag 1 of a repository.
func (s sample) offer(r *registry, repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for d, b := range s.blobs {
		r.blobs[repo+"@"+d.String()] = b
	}
	for _, m := range s.manifests {
		r.manifests[repo+"@"+digest.FromBytes(m.body).String()] = m
		r.manifests[repo+"@1"] = m
	}
}

// engine is a store that pulls and pushes.
type engine struct {
	dir string
	*image.Service
	*image.Transfers
}

func newEngine(t testing.TB) engine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: layers belong to other users")
	}
	dir, err := os.MkdirTemp("/dev/shm", "berth-transfer-") // this is about registries, not about disks
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := image.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return engineOf(s, dir)
}

func engineOf(s *image.Service, dir string) engine {
	retry := remote.Retry{Attempts: 3, Pause: time.Millisecond, Stall: 5 * time.Second}
	return engine{dir, s, s.Transfers(remote.New(remote.Config{Agent: "test", Retry: retry}),
		transfer.Limits{Downloads: 3, Uploads: 3, Attempts: 3, Pause: time.Millisecond})}
}

func (e engine) pull(name string) error {
	_, err := e.Pull(context.Background(), image.PullOptions{Name: name, Tag: "1"}, func(transfer.Message) {})
	return err
}

func (e engine) push(name string) error {
	_, err := e.Push(context.Background(), image.PushOptions{Name: name, Tag: "1"}, func(transfer.Message) {})
	return err
}

// arrived is how many bytes of the image's blobs and of parts of them the store has.
func (e engine) arrived(t *testing.T, s sample) int64 {
	t.Helper()
	n := int64(0)
	for d := range s.blobs {
		if info, err := os.Stat(filepath.Join(e.dir, "content/blobs/sha256", d.Encoded())); err == nil {
			n += info.Size()
		}
	}
	parts, err := filepath.Glob(filepath.Join(e.dir, "content/ingest/*/data"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if info, err := os.Stat(part); err == nil {
			n += info.Size()
		}
	}
	return n
}

// check looks whether an image is there, whole.
func (e engine) check(t *testing.T, name string, s sample) {
	t.Helper()
	img, err := e.Get(context.Background(), name)
	if err != nil {
		t.Error(err)
		return
	}
	dirs, err := e.Layers(context.Background(), img.ID)
	if err != nil {
		t.Error(err)
		return
	}
	found := 0
	for path, want := range s.files {
		for _, dir := range dirs {
			if got, err := os.ReadFile(filepath.Join(dir, path)); err == nil {
				if string(got) != want {
					t.Errorf("%s is not what it was", path)
				}
				found++
			}
		}
	}
	if found != len(s.files) {
		t.Errorf("%d of %d files are there", found, len(s.files))
	}
}

// plain wants an error that somebody can do something with.
func plain(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); text == "" || strings.ContainsAny(text, "\x00\r") || len(text) > 600 || fault.Is(err, fault.Cancelled) {
		t.Errorf("an unclear error: %q", text)
	}
}

// points are the requests at which something may fail.
func points(r *registry) []string {
	r.settle()
	seen := slices.Clone(r.seen)
	slices.Sort(seen)
	return slices.Compact(seen)
}
