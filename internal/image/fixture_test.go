package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/image/tarball"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// file is an entry of a tar that a test makes.
type file struct {
	name, link string
	kind       byte
	data       []byte
	mode       int64
}

func makeTar(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, f := range files {
		if f.kind == 0 {
			f.kind = tar.TypeReg
		}
		if f.mode == 0 {
			f.mode = 0o755
		}
		h := &tar.Header{Name: f.name, Linkname: f.link, Typeflag: f.kind, Mode: f.mode, Size: int64(len(f.data))}
		if f.kind == tar.TypeChar {
			h.Devmajor, h.Devminor = 1, 3
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// busyboxLayer is a real file system: Debian's static busybox.
func busyboxLayer(t testing.TB) []byte {
	t.Helper()
	bin, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("needs Debian's busybox-static: ", err)
	}
	return makeTar(t, file{name: "bin/", kind: tar.TypeDir}, file{name: "bin/busybox", data: bin},
		file{name: "bin/sh", link: "busybox", kind: tar.TypeSymlink}, file{name: "etc/motd", data: []byte("hello\n"), mode: 0o644})
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	p, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func configOf(t testing.TB, layers ...[]byte) []byte {
	t.Helper()
	var cfg Config
	cfg.OS, cfg.Architecture = "linux", "amd64"
	cfg.Config.Cmd = []string{"sh"}
	cfg.RootFS.Type = "layers"
	for _, l := range layers {
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, digest.FromBytes(l))
	}
	return mustJSON(t, cfg)
}

// legacyArchive is what docker save wrote before it wrote OCI layouts.
func legacyArchive(t testing.TB, tags []string, layers ...[]byte) []byte {
	t.Helper()
	cfg := configOf(t, layers...)
	name := digest.FromBytes(cfg).Encoded() + ".json"
	entry := tarball.Legacy{Config: name, RepoTags: tags}
	files := []file{{name: name, data: cfg}}
	for _, l := range layers {
		dir := digest.FromBytes(append([]byte("id"), l...)).Encoded() + "/"
		files = append(files, file{name: dir, kind: tar.TypeDir}, file{name: dir + "VERSION", data: []byte("1.0")},
			file{name: dir + "json", data: []byte("{}")}, file{name: dir + "layer.tar", data: l})
		entry.Layers = append(entry.Layers, dir+"layer.tar")
	}
	return makeTar(t, append(files, file{name: "manifest.json", data: mustJSON(t, []tarball.Legacy{entry})})...)
}

// layoutFiles is an OCI layout, as files that a test may spoil.
func layoutFiles(t testing.TB, annotations map[string]string, layers ...[]byte) []file {
	t.Helper()
	var files []file
	blob := func(mediaType string, p []byte) ocispec.Descriptor {
		d := digest.FromBytes(p)
		files = append(files, file{name: "blobs/sha256/" + d.Encoded(), data: p})
		return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(p))}
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: blob(ocispec.MediaTypeImageConfig, configOf(t, layers...))}
	m.SchemaVersion = 2
	for _, l := range layers {
		m.Layers = append(m.Layers, blob(ocispec.MediaTypeImageLayer, l))
	}
	d := blob(ocispec.MediaTypeImageManifest, mustJSON(t, m))
	d.Annotations = annotations
	idx := ocispec.Index{Manifests: []ocispec.Descriptor{d}}
	idx.SchemaVersion = 2
	return append(files, file{name: "oci-layout", data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		file{name: "index.json", data: mustJSON(t, idx)})
}

func openStore(t testing.TB) *Service {
	t.Helper()
	return openAt(t, t.TempDir())
}

func openAt(t testing.TB, root string) *Service {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: layers belong to other users")
	}
	s, err := Open(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustLoad(t testing.TB, s *Service, archive []byte) []string {
	t.Helper()
	lines, err := s.Load(context.Background(), bytes.NewReader(archive), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// state is all that a store holds: its tree, and the keys of its databases.
func state(t testing.TB, s *Service) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) != ".db" {
			lines = append(lines, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			lines = append(lines, dump(string(name), b)...)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func dump(path string, b *bolt.Bucket) []string {
	var lines []string
	b.ForEach(func(k, v []byte) error {
		if v != nil {
			return nil
		}
		if sub := dump(path+"/"+string(k), b.Bucket(k)); len(sub) > 0 {
			lines = append(lines, sub...)
		} else if n := b.Bucket(k).Stats().KeyN; n > 0 {
			lines = append(lines, path+"/"+string(k))
		}
		return nil
	})
	return lines
}
