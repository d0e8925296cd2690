package show

import (
	"slices"
	"strings"
	"time"

	"berth/internal/image"
	"berth/internal/server/compat"

	"github.com/distribution/reference"
	wire "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"
	"github.com/opencontainers/go-digest"
)

// legacySummary adds what older versions show.
type legacySummary struct {
	wire.Summary
	VirtualSize int64
}

// protectedSummary says what other engines do not know.
type protectedSummary struct {
	wire.Summary
	Protected bool
}

// ImageLines shows images as lines of a list.
type ImageLines struct {
	Version   compat.Version
	Users     map[string]int64        // containers by image
	Shared    map[digest.Digest]int64 // of SharedSizes; nil when nobody asks
	Manifests []wire.ManifestSummary  // of the image that is shown next
}

// Show shows one image.
func (l *ImageLines) Show(img *image.Image) any {
	out := imageLine(img, l.Version)
	out.Containers, out.Manifests = l.Users[img.ID.String()], l.Manifests
	if !l.Version.Has(compat.ImageContainersCount) {
		out.Containers = -1
	}
	if l.Shared != nil {
		out.SharedSize = l.Shared[img.ID]
	}
	switch {
	case !l.Version.Has(compat.NoVirtualSize):
		return legacySummary{Summary: out, VirtualSize: img.Size}
	case img.Protected:
		return protectedSummary{out, true}
	}
	return out
}

// SharedSizes are what images have in common with others, in bytes by image.
func SharedSizes(list []image.Image) map[digest.Digest]int64 {
	owners := map[digest.Digest]int{}
	for i := range list {
		for part := range list[i].Parts {
			owners[part]++
		}
	}
	sizes := map[digest.Digest]int64{}
	for i := range list {
		for part, size := range list[i].Parts {
			if owners[part] > 1 {
				sizes[list[i].ID] += size
			}
		}
	}
	return sizes
}

// imageLine is what a line of a list says of an image by itself.
func imageLine(img *image.Image, v compat.Version) wire.Summary {
	out := wire.Summary{
		ID:          img.ID.String(),
		ParentID:    img.Parent.String(),
		Created:     unixOrZero(img.Created),
		Labels:      img.Config.Config.Labels,
		RepoTags:    familiarNames(tags(img.Names)),
		RepoDigests: familiarNames(img.Digests),
		SharedSize:  -1,
		Size:        img.Size,
	}
	if v.Has(compat.ImageDescriptors) {
		out.Descriptor = &img.Target
	}
	if len(out.RepoTags) == 0 && !v.Has(compat.DanglingHasNoTags) {
		out.RepoTags, out.RepoDigests = []string{"<none>:<none>"}, []string{"<none>@<none>"}
	}
	return out
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// tags are the names with one: an image that was pulled by its digest has a name without.
func tags(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.Contains(name, "@") })
}

// familiarNames shortens docker.io/library/x:tag to x:tag; never null.
func familiarNames(names []string) []string {
	out := []string{}
	for _, name := range names {
		if ref, err := reference.ParseNormalizedNamed(name); err == nil {
			name = reference.FamiliarString(ref)
		}
		out = append(out, name)
	}
	return out
}

// fullImage adds what only some images have; that they are protected other engines do not know.
type fullImage struct {
	*wire.InspectResponse
	Parent    string `json:",omitempty"`
	Protected bool   `json:",omitempty"`
}

// legacyImage adds what older versions show.
type legacyImage struct {
	*wire.InspectResponse
	Parent      string
	VirtualSize int64 `json:",omitempty"`
}

// Image shows everything about an image; manifests are what it consists of, when that is asked for.
func Image(img *image.Image, manifests []wire.ManifestSummary, v compat.Version) any {
	cfg := &img.Config
	out := &wire.InspectResponse{
		ID:           img.ID.String(),
		RepoTags:     familiarNames(tags(img.Names)),
		RepoDigests:  familiarNames(img.Digests),
		Author:       cfg.Author,
		Config:       &cfg.Config,
		Architecture: img.Platform.Architecture,
		Variant:      img.Platform.Variant,
		Os:           img.Platform.OS,
		OsVersion:    img.Platform.OSVersion,
		Size:         img.Size,
		RootFS:       wire.RootFS{Type: "layers"},
		Metadata:     wire.Metadata{LastTagTime: img.Tagged},
	}
	if !img.Created.IsZero() || !v.Has(compat.NoVirtualSize) {
		out.Created = img.Created.UTC().Format(time.RFC3339Nano)
	}
	if n := len(cfg.History); n > 0 {
		out.Comment = strings.TrimSpace(cfg.History[n-1].Comment)
	}
	for _, id := range img.DiffIDs {
		out.RootFS.Layers = append(out.RootFS.Layers, id.String())
	}
	if v.Has(compat.ImageDescriptors) {
		out.Descriptor, out.Manifests = &img.Target, manifests
	}
	if v.Has(compat.NoLegacyNetwork) {
		return fullImage{out, img.Parent.String(), img.Protected}
	}
	out.GraphDriver = &storage.DriverData{Name: "overlayfs"}
	legacy := legacyImage{InspectResponse: out, Parent: img.Parent.String()}
	if !v.Has(compat.NoVirtualSize) {
		legacy.VirtualSize = img.Size
	}
	return legacy
}
