package server

import (
	"path"
	"slices"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/image"

	"github.com/distribution/reference"
	wire "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"
)

// imageList shows images, newest first.
func (s *Server) imageList(c *call) error {
	for _, word := range []string{"manifests", "identity"} {
		if c.flag(word) {
			return fault.New(fault.Unsupported, "listing images with %s is not supported yet by berth", word)
		}
	}
	f, err := parseFilters(c.query.Get("filters"), "reference", "label", "dangling", "before", "since", "until")
	if err != nil {
		return err
	}
	list, err := s.Images.List(c.r.Context())
	if err != nil {
		return err
	}
	sel, err := s.selectImages(c, f)
	if err != nil {
		return err
	}
	uses := map[string]int64{}
	if c.version.has(imageContainersCount) {
		containers := s.Containers.List()
		for i := range containers {
			uses[containers[i].ImageID]++
		}
	}
	slices.SortStableFunc(list, func(a, b image.Image) int { return b.Created.Compare(a.Created) })
	out := []any{}
	for i := range list {
		if sel.keeps(&list[i]) {
			out = append(out, imageSummary(&list[i], uses, c.version))
		}
	}
	return c.json(out, nil)
}

// imageSelection is a conjunction of conditions on images.
type imageSelection []func(*image.Image) bool

func (s imageSelection) keeps(img *image.Image) bool {
	for _, cond := range s {
		if !cond(img) {
			return false
		}
	}
	return true
}

// selectImages translates the filters of a list.
func (s *Server) selectImages(c *call, f filters) (sel imageSelection, err error) {
	if patterns := f["reference"]; len(patterns) > 0 {
		sel = append(sel, func(img *image.Image) bool { return namedLike(img, patterns) })
	}
	if labels := f["label"]; len(labels) > 0 {
		sel = append(sel, func(img *image.Image) bool { return labelsMatch(labels, img.Config.Config.Labels) })
	}
	dangling, ok, err := f.boolean("dangling")
	if err != nil {
		return nil, err
	}
	if ok {
		sel = append(sel, func(img *image.Image) bool { return (len(img.Names) == 0) == dangling })
	}
	for _, key := range []string{"before", "since"} {
		for _, ref := range f[key] {
			other, err := s.Images.Get(c.r.Context(), ref)
			if err != nil {
				return nil, err
			}
			sel = append(sel, madeAround(key == "before", other.Created))
		}
	}
	for _, word := range f["until"] {
		at, err := parseTime("until", word, time.Now())
		if err != nil {
			return nil, err
		}
		sel = append(sel, madeAround(true, at))
	}
	return sel, nil
}

// madeAround keeps images made before, or after, a time.
func madeAround(before bool, at time.Time) func(*image.Image) bool {
	return func(img *image.Image) bool {
		if before {
			return img.Created.Before(at)
		}
		return img.Created.After(at)
	}
}

// namedLike reports whether one of the names matches one of the patterns, which
// are those of path.Match over the name with or without tag and domain.
func namedLike(img *image.Image, patterns []string) bool {
	for _, name := range img.Names {
		ref, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			continue
		}
		for _, p := range patterns {
			if ok, _ := reference.FamiliarMatch(p, ref); ok {
				return true
			}
			if ok, _ := path.Match(p, name); ok {
				return true
			}
		}
	}
	return false
}

// legacySummary adds what older versions show.
type legacySummary struct {
	wire.Summary
	VirtualSize int64
}

// imageSummary shows one image as a line of a list. uses counts containers by image.
func imageSummary(img *image.Image, uses map[string]int64, v apiVersion) any {
	out := wire.Summary{
		ID:          img.ID.String(),
		Containers:  uses[img.ID.String()],
		Created:     unixOrZero(img.Created),
		Labels:      img.Config.Config.Labels,
		RepoTags:    familiarNames(img.Names),
		RepoDigests: familiarNames(img.Digests),
		SharedSize:  -1,
		Size:        img.Size,
	}
	if !v.has(imageContainersCount) {
		out.Containers = -1
	}
	if v.has(imageDescriptors) {
		out.Descriptor = &img.Target
	}
	if len(out.RepoTags) == 0 && !v.has(danglingHasNoTags) {
		out.RepoTags, out.RepoDigests = []string{"<none>:<none>"}, []string{"<none>@<none>"}
	}
	if !v.has(noVirtualSize) {
		return legacySummary{Summary: out, VirtualSize: img.Size}
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

// imageAnswer shows everything about an image.
func imageAnswer(img *image.Image, v apiVersion) any {
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
	if !img.Created.IsZero() || !v.has(noVirtualSize) {
		out.Created = img.Created.UTC().Format(time.RFC3339Nano)
	}
	if n := len(cfg.History); n > 0 {
		out.Comment = strings.TrimSpace(cfg.History[n-1].Comment)
	}
	for _, id := range img.DiffIDs {
		out.RootFS.Layers = append(out.RootFS.Layers, id.String())
	}
	if v.has(imageDescriptors) {
		out.Descriptor = &img.Target
	}
	if v.has(noLegacyNetwork) {
		return out
	}
	out.GraphDriver = &storage.DriverData{Name: "overlayfs"}
	legacy := legacyImage{InspectResponse: out}
	if !v.has(noVirtualSize) {
		legacy.VirtualSize = img.Size
	}
	return legacy
}
