// Package bundle says what an archive of images looks like: an OCI layout (image-spec
// image-layout.md) which is a docker archive too (manifest.json of moby's image spec v1.2,
// repositories of v1.0), so that every engine can load it. The same images give the same bytes.
package bundle

import (
	"archive/tar"
	"cmp"
	"encoding/json"
	"path"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is one image as it goes into an archive.
type Image struct {
	Name   string             // normalized with a tag; "" saves it without a name
	Target ocispec.Descriptor // an index or a manifest, with its true size
	Main   Manifest           // what engines without indexes load
	Blobs  []ocispec.Descriptor
}

// Manifest is the part of an image that one platform runs.
type Manifest struct {
	Digest, Config digest.Digest
	Layers         []digest.Digest
}

// Entry is one member of an archive: a document when Data is set, a blob when Blob is, else a directory.
type Entry struct {
	Header *tar.Header
	Data   []byte
	Blob   ocispec.Descriptor
}

// legacy is an entry of manifest.json.
type legacy struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Plan lists the members of an archive of images. The documents go first, so that a reader
// knows what the blobs are before they come; of the blobs manifests and configs precede layers.
func Plan(list []Image) ([]Entry, error) {
	var entries []Entry
	for _, doc := range []struct {
		name string
		v    any
	}{
		{ocispec.ImageLayoutFile, ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}},
		{ocispec.ImageIndexFile, index(list)},
		{"manifest.json", manifests(list)},
		{"repositories", repositories(list)},
	} {
		p, err := json.Marshal(doc.v)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Header: file(doc.name, int64(len(p))), Data: p})
	}
	blobs := gather(list)
	made := map[string]bool{}
	for _, b := range blobs {
		for _, dir := range []string{ocispec.ImageBlobsDir + "/", ocispec.ImageBlobsDir + "/" + b.Digest.Algorithm().String() + "/"} {
			if !made[dir] {
				made[dir] = true
				entries = append(entries, Entry{Header: &tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}})
			}
		}
		entries = append(entries, Entry{Header: file(place(b.Digest), b.Size), Blob: b})
	}
	return entries, nil
}

// file has no time: the same images are the same archive whenever they are saved.
func file(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: size}
}

// place is where a blob is in the archive.
func place(d digest.Digest) string {
	return path.Join(ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// gather is every blob once: documents, then layers, each in the images' order.
func gather(list []Image) []ocispec.Descriptor {
	var blobs []ocispec.Descriptor
	seen := map[digest.Digest]bool{}
	for _, img := range list {
		for _, b := range img.Blobs {
			if !seen[b.Digest] {
				seen[b.Digest] = true
				blobs = append(blobs, b)
			}
		}
	}
	rank := func(d ocispec.Descriptor) int {
		switch {
		case images.IsIndexType(d.MediaType), images.IsManifestType(d.MediaType):
			return 0
		case images.IsConfigType(d.MediaType):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(blobs, func(a, b ocispec.Descriptor) int { return cmp.Compare(rank(a), rank(b)) })
	return blobs
}

// index is index.json: a descriptor for each name.
func index(list []Image) ocispec.Index {
	idx := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for _, img := range list {
		d := ocispec.Descriptor{MediaType: img.Target.MediaType, Digest: img.Target.Digest, Size: img.Target.Size, Platform: img.Target.Platform}
		if img.Name != "" {
			d.Annotations = map[string]string{images.AnnotationImageName: img.Name, ocispec.AnnotationRefName: tag(img.Name)}
		}
		idx.Manifests = append(idx.Manifests, d)
	}
	return idx
}

// manifests is manifest.json: an entry for each manifest that runs, with all its names.
func manifests(list []Image) []*legacy {
	out := []*legacy{}
	known := map[digest.Digest]*legacy{}
	for _, img := range list {
		m := img.Main
		if m.Config == "" {
			continue // nothing that runs, such as an artifact
		}
		l := known[m.Digest]
		if l == nil {
			l = &legacy{Config: place(m.Config), Layers: []string{}}
			for _, layer := range m.Layers {
				l.Layers = append(l.Layers, place(layer))
			}
			known[m.Digest] = l
			out = append(out, l)
		}
		if img.Name != "" {
			l.RepoTags = append(l.RepoTags, familiar(img.Name))
		}
	}
	return out
}

// repositories are the names' topmost layers, as the first archives told them.
func repositories(list []Image) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, img := range list {
		ref, err := reference.ParseNormalizedNamed(img.Name)
		if err != nil || len(img.Main.Layers) == 0 {
			continue
		}
		repo := reference.FamiliarName(ref)
		if out[repo] == nil {
			out[repo] = map[string]string{}
		}
		out[repo][tag(img.Name)] = img.Main.Layers[len(img.Main.Layers)-1].Encoded()
	}
	return out
}

func tag(name string) string {
	if ref, err := reference.ParseNormalizedNamed(name); err == nil {
		if t, ok := ref.(reference.Tagged); ok {
			return t.Tag()
		}
	}
	return name
}

func familiar(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(ref)
}
