package server

import (
	"path"
	"slices"
	"time"

	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/show"

	"github.com/distribution/reference"
)

// list shows images, newest first.
func (r imageRoutes) list(c *call) error {
	more, err := c.imageColumns()
	if err != nil {
		return err
	}
	f, err := filter.Parse(c.query.Get("filters"), "reference", "label", "label!", "dangling", "before", "since", "until")
	if err != nil {
		return err
	}
	list, err := r.images.List(c.r.Context())
	if err != nil {
		return err
	}
	sel, err := r.selection(c, f)
	if err != nil {
		return err
	}
	if !c.flag("all") {
		sel = append(sel, notIntermediate(list))
	}
	lines := show.ImageLines{Version: c.version, Users: map[string]int64{}}
	if c.version.Has(compat.ImageContainersCount) {
		containers := r.containers.List()
		for i := range containers {
			lines.Users[containers[i].ImageID]++
		}
	}
	if more.shared {
		lines.Shared = show.SharedSizes(list)
	}
	slices.SortStableFunc(list, func(a, b image.Image) int { return b.Created.Compare(a.Created) })
	out := []any{}
	for _, img := range list { // a copy, whose names a selection may cut down
		if !sel.keeps(&img) {
			continue
		}
		if more.manifests {
			if lines.Manifests, err = r.manifests(c, img); err != nil {
				return err
			}
		}
		out = append(out, lines.Show(&img))
	}
	return c.json(out, nil)
}

// imageColumns are what a list can show beside the usual.
type imageColumns struct{ shared, manifests bool }

func (c *call) imageColumns() (imageColumns, error) {
	more := imageColumns{
		shared:    c.flag("shared-size") && c.version.Has(compat.SharedSize),
		manifests: c.flag("manifests") && c.version.Has(compat.ListManifests),
	}
	// Who asks for identity gets what was verified: of no image anything, as of one that was loaded into Docker.
	if c.flag("identity") && c.version.Has(compat.ListIdentity) && !more.manifests {
		return more, fault.New(fault.Invalid, "conflicting options: identity requires manifests=1")
	}
	return more, nil
}

// notIntermediate leaves out the images without a name that others were committed of.
func notIntermediate(list []image.Image) func(*image.Image) bool {
	parents := map[string]bool{}
	for i := range list {
		parents[list[i].Parent.String()] = true
	}
	return func(img *image.Image) bool { return len(img.Names) > 0 || !parents[img.ID.String()] }
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

// selection translates the filters of a list.
func (r imageRoutes) selection(c *call, f filter.Set) (sel imageSelection, err error) {
	if patterns := f["reference"]; len(patterns) > 0 {
		sel = append(sel, func(img *image.Image) bool {
			// As Docker does: what the image is called beside that is not shown.
			img.Names = namesLike(img, patterns)
			img.Digests = slices.DeleteFunc(slices.Clone(img.Digests), func(d string) bool {
				return !slices.ContainsFunc(img.Names, func(n string) bool { return repository(n) == repository(d) })
			})
			return len(img.Names) > 0
		})
	}
	sel = append(sel, func(img *image.Image) bool { return f.PruneLabels(img.Config.Config.Labels) })
	dangling, ok, err := f.Bool("dangling")
	if err != nil {
		return nil, err
	}
	if ok {
		sel = append(sel, func(img *image.Image) bool { return (len(img.Names) == 0) == dangling })
	}
	for _, key := range []string{"before", "since"} {
		for _, ref := range f[key] {
			other, err := r.images.Get(c.r.Context(), ref)
			if err != nil {
				return nil, err
			}
			sel = append(sel, madeAround(key == "before", other.Created))
		}
	}
	for _, word := range f["until"] {
		at, err := filter.Time("until", word, time.Now())
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

// namesLike are the names that match one of the patterns, which are those of
// path.Match over the name with or without tag and domain.
func namesLike(img *image.Image, patterns []string) []string {
	var like []string
	for _, name := range img.Names {
		ref, err := reference.ParseNormalizedNamed(name)
		if err == nil && slices.ContainsFunc(patterns, func(p string) bool {
			familiar, _ := reference.FamiliarMatch(p, ref)
			whole, _ := path.Match(p, name)
			return familiar || whole
		}) {
			like = append(like, name)
		}
	}
	return like
}

// repository is a name without its tag or digest; names are canonical here.
func repository(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return ref.Name()
}
