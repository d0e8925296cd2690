package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/lines"
	"berth/internal/server/show"

	"github.com/distribution/reference"
)

func (r containerRoutes) list(c *call) error {
	sel, err := r.selection(c)
	if err != nil {
		return err
	}
	now := time.Now()
	list := r.containers.List()
	r.lines.Forget(list)
	names := imageNames{images: r.images, known: map[[2]string]string{}}
	out, shown := append(make([]byte, 0, len(list)*1024), '['), 0
	for i := range list {
		if sel.limit > 0 && shown == sel.limit {
			break
		}
		if !sel.keeps(&list[i]) {
			continue
		}
		text, err := r.line(c, &list[i], names.now(c.r.Context(), &list[i]), now)
		if err != nil {
			return err
		}
		if shown++; shown > 1 {
			out = append(out, ',')
		}
		out = append(out, text...)
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(append(out, ']', '\n')) // as in writeJSON: who does not take it is gone
	return nil
}

// line is one container of a list in JSON.
func (r containerRoutes) line(c *call, of *container.Container, image string, now time.Time) ([]byte, error) {
	is := lines.Look{Revision: of.Revision, Health: of.Health, Status: show.StatusLine(of, now), Image: image, Probed: c.version.Has(compat.ListHealth)}
	if c.flag("size") {
		is.Revision = 0 // what is on disk changes without the container
		measured := *of
		if err := r.measure(c.r.Context(), &measured); err != nil {
			return nil, err
		}
		of = &measured
	}
	return r.lines.Render(of.ID, is, func() any {
		out := show.Summary(of, now, c.version)
		out.Image, out.Mounts = image, show.MountPoints(of, r.volumeDir)
		return out
	})
}

// imageNames finds the words for the images of a list's containers, each once: most have the same.
type imageNames struct {
	images Images
	known  map[[2]string]string // by the word and the image's ID
}

// now is the word by which a container's image was asked for, or its ID when
// that word has gone or leads to another image by now.
func (n imageNames) now(ctx context.Context, c *container.Container) string {
	key := [2]string{c.Config.Image, c.ImageID}
	word, known := n.known[key]
	if !known {
		word = n.find(ctx, c)
		n.known[key] = word
	}
	return word
}

func (n imageNames) find(ctx context.Context, c *container.Container) string {
	word := c.Config.Image
	if strings.HasPrefix(strings.TrimPrefix(c.ImageID, "sha256:"), strings.TrimPrefix(word, "sha256:")) {
		return word
	}
	// By its ID, and not by the word: the embedded image is made when it is asked for.
	img, err := n.images.Get(ctx, c.ImageID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return word
	}
	named, err := reference.ParseNormalizedNamed(word)
	if err != nil {
		return word
	}
	name := reference.TagNameOnly(named).String()
	if slices.Contains(img.Names, name) || slices.Contains(img.Digests, name) {
		return word
	}
	return c.ImageID
}

// selection reads the query of a list.
func (r containerRoutes) selection(c *call) (*selection, error) {
	f, err := parseFilters(c.query.Get("filters"), "ancestor", "before", "exited", "expose", "health", "id",
		"is-task", "label", "name", "network", "publish", "since", "status", "volume")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit")
	if err != nil {
		return nil, err
	}
	sel := &selection{}
	if limit != nil && *limit > 0 {
		sel.limit = *limit
	}
	all := c.flag("all") || sel.limit > 0 || len(f["status"]) > 0 || len(f["exited"]) > 0
	if !all {
		sel.add(func(c *container.Container) bool { return show.Up(c) })
	}
	if err := sel.addState(f); err != nil {
		return nil, err
	}
	if err := sel.addOrder(f, r.containers); err != nil {
		return nil, err
	}
	if err := sel.addWords(f); err != nil {
		return nil, err
	}
	sel.addAncestor(c.r.Context(), f["ancestor"], r.images)
	return sel, nil
}

// selection is a conjunction of conditions on containers.
type selection struct {
	limit      int
	conditions []func(*container.Container) bool
}

func (s *selection) add(f func(*container.Container) bool) { s.conditions = append(s.conditions, f) }

func (s *selection) keeps(c *container.Container) bool {
	for _, cond := range s.conditions {
		if !cond(c) {
			return false
		}
	}
	return true
}

// addAncestor keeps containers of the named images.
func (s *selection) addAncestor(ctx context.Context, refs []string, images Images) {
	if len(refs) == 0 {
		return
	}
	ids := slices.Clone(refs)
	for _, ref := range refs {
		if img, err := images.Get(ctx, ref); err == nil {
			ids = append(ids, img.ID.String())
		}
	}
	s.add(func(c *container.Container) bool {
		return slices.Contains(ids, c.ImageID) || slices.Contains(ids, c.Config.Image)
	})
}

// addOrder keeps containers made before or since others.
func (s *selection) addOrder(f filters, containers Containers) error {
	for _, key := range []string{"before", "since"} {
		for _, ref := range f[key] {
			other, err := containers.Get(ref)
			if err != nil {
				return fault.As(fault.Invalid, err)
			}
			before := key == "before"
			s.add(func(c *container.Container) bool {
				if before {
					return c.Created.Before(other.Created)
				}
				return c.Created.After(other.Created)
			})
		}
	}
	return nil
}
