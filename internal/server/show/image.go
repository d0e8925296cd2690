package show

import (
	"strings"
	"time"

	"berth/internal/image"
	"berth/internal/server/compat"

	"github.com/distribution/reference"
	wire "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"
)

// legacySummary adds what older versions show.
type legacySummary struct {
	wire.Summary
	VirtualSize int64
}

// ImageSummary shows one image as a line of a list. uses counts containers by image.
func ImageSummary(img *image.Image, uses map[string]int64, v compat.Version) any {
	out := imageLine(img, v)
	out.Containers = uses[img.ID.String()]
	if !v.Has(compat.ImageContainersCount) {
		out.Containers = -1
	}
	if !v.Has(compat.NoVirtualSize) {
		return legacySummary{Summary: out, VirtualSize: img.Size}
	}
	return out
}

// imageLine is what a line of a list says of an image by itself.
func imageLine(img *image.Image, v compat.Version) wire.Summary {
	out := wire.Summary{
		ID:          img.ID.String(),
		Created:     unixOrZero(img.Created),
		Labels:      img.Config.Config.Labels,
		RepoTags:    familiarNames(img.Names),
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

// legacyImage adds what older versions show.
type legacyImage struct {
	*wire.InspectResponse
	Parent      string
	VirtualSize int64 `json:",omitempty"`
}

// Image shows everything about an image.
func Image(img *image.Image, v compat.Version) any {
	cfg := &img.Config
	out := &wire.InspectResponse{
		ID:           img.ID.String(),
		RepoTags:     familiarNames(img.Names),
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
		out.Descriptor = &img.Target
	}
	if v.Has(compat.NoLegacyNetwork) {
		return out
	}
	out.GraphDriver = &storage.DriverData{Name: "overlayfs"}
	legacy := legacyImage{InspectResponse: out, Parent: img.Parent.String()}
	if !v.Has(compat.NoVirtualSize) {
		legacy.VirtualSize = img.Size
	}
	return legacy
}
