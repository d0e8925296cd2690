// Package imagetree is the list of images that docker has had since 29: a row
// for each name, with what it takes on the disk, and below it, as a tree, the
// platforms that the image is for.
package imagetree

import (
	"slices"
	"strings"

	"berth/internal/cli/format"
	"berth/internal/cli/platform"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/image"
)

// entry is one image, or one name of it.
type entry struct {
	names    []string
	row      row
	children []child
}

// row is what is told of an image or of a platform of it.
type row struct {
	id, disk, content string
	used              bool
}

type child struct {
	platform  string
	available bool // all of its content is here
	row       row
}

// entries makes entries of images: one a name, or when expanded one an image,
// with its platforms. Those without a name come last.
func entries(images []image.Summary, expanded bool) []entry {
	var out []entry
	for _, img := range images {
		e := entry{row: row{id: format.ShortID(img.ID), disk: size(img.Size), used: img.Containers > 0}}
		var content int64
		for _, m := range img.Manifests {
			content += m.Size.Content
			if m.Kind != image.ManifestKindImage || m.ImageData == nil {
				continue
			}
			c := child{platform: platform.Format(m.ImageData.Platform), available: m.Available}
			c.row = row{id: format.ShortID(m.ID), disk: size(m.Size.Total), content: size(m.Size.Content), used: len(m.ImageData.Containers) > 0}
			e.row.used = e.row.used || c.row.used
			if expanded {
				e.children = append(e.children, c)
			}
		}
		e.row.content = size(content)
		names := slices.Sorted(slices.Values(img.RepoTags))
		if expanded || len(names) == 0 {
			e.names = names
			out = append(out, e)
			continue
		}
		for _, name := range names {
			e.names = []string{name}
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b entry) int {
		switch {
		case len(a.names) == 0 || len(b.names) == 0:
			return len(b.names) - len(a.names)
		default:
			return strings.Compare(a.names[0], b.names[0])
		}
	})
	return out
}

func size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
