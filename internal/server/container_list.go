package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/lines"
	"berth/internal/server/show"

	"github.com/distribution/reference"
)

func (r containerRoutes) list(c *call) error {
	sel, limit, err := r.selection(c)
	if err != nil {
		return err
	}
	now := time.Now()
	list := r.containers.List()
	r.lines.Forget(list)
	names := imageNames{images: r.images, known: map[[2]string]string{}}
	out, shown := append(make([]byte, 0, len(list)*1024), '['), 0
	for i := range list {
		if limit > 0 && shown == limit {
			break
		}
		if !sel.Keeps(&list[i]) {
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

// selection reads the query of a list, which may have a limit.
func (r containerRoutes) selection(c *call) (*filter.Selection, int, error) {
	f, err := filter.Parse(c.query.Get("filters"), filter.ContainerKeys()...)
	if err != nil {
		return nil, 0, err
	}
	limit, err := c.number("limit")
	if err != nil {
		return nil, 0, err
	}
	most := 0
	if limit != nil && *limit > 0 {
		most = *limit
	}
	sel, err := filter.SelectContainers(c.r.Context(), f, c.flag("all") || most > 0, r.images, r.containers)
	return sel, most, err
}
