// Package usage shows what takes how much of the disk: the tables and templates
// of `system df`.
package usage

import (
	"fmt"
	"io"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/image"
	"berth/internal/cli/listing"
	"berth/internal/cli/snapshot"

	"github.com/docker/go-units"
)

// Total is a kind of object in the short table; its exported methods are the
// placeholders of --format.
type Total struct {
	kind                             string
	total, active, size, reclaimable int64
	share                            bool // the reclaimable part is also told in percent
}

// MarshalJSON shows all placeholders.
func (t *Total) MarshalJSON() ([]byte, error) { return format.JSON(t) }

func (t *Total) Type() string       { return t.kind }
func (t *Total) TotalCount() string { return fmt.Sprint(t.total) }
func (t *Total) Active() string     { return fmt.Sprint(t.active) }
func (t *Total) Size() string       { return units.HumanSize(float64(t.size)) }

func (t *Total) Reclaimable() string {
	text := units.HumanSize(float64(t.reclaimable))
	if t.share && t.size > 0 {
		text += fmt.Sprintf(" (%d%%)", t.reclaimable*100/t.size)
	}
	return text
}

func totals(u engine.DiskUsage) []*Total {
	i, c, v, b := u.Images, u.Containers, u.Volumes, u.BuildCache
	list := []*Total{
		{"Images", i.Total, i.Active, i.Size, i.Reclaimable, true},
		{"Containers", c.Total, c.Active, c.Size, c.Reclaimable, true},
		{"Local Volumes", v.Total, v.Active, v.Size, v.Reclaimable, true},
		{"Build Cache", b.Total, b.Active, b.Size, b.Reclaimable, false},
	}
	if x := u.Snapshots; x != nil {
		list = append(list, &Total{"Snapshots", x.Total, x.Active, x.Size, x.Reclaimable, true})
	}
	if x := u.Trash; x != nil {
		list = append(list, &Total{"Volume Trash", x.Total, x.Active, x.Size, x.Reclaimable, true})
	}
	return list
}

// Write shows a line for every kind.
func Write(out io.Writer, text string, u engine.DiskUsage) error {
	switch text {
	case "", "table":
		text = `table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}`
	case "raw":
		text = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n"
	}
	header := format.Header{"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
	return format.Write(out, text, header, totals(u))
}

// objects are all that there is, for the templates of the long form.
type objects struct {
	Images     []*image.Row
	Containers []*listing.Row
	Volumes    []*Volume
	BuildCache []*Cache
}

// WriteAll shows every object: in four tables, or through one template that
// gets all of them.
func WriteAll(out io.Writer, text string, u engine.DiskUsage) error {
	isTable := text == "" || strings.HasPrefix(text, "table")
	o := objects{[]*image.Row{}, []*listing.Row{}, []*Volume{}, []*Cache{}}
	for _, i := range u.Images.Items {
		if row := image.FirstName(i, isTable); row != nil {
			o.Images = append(o.Images, row)
		}
	}
	for _, c := range u.Containers.Items {
		c.SizeRootFs = 0 // the image's part is told with the images
		o.Containers = append(o.Containers, listing.NewRow(c, isTable))
	}
	for _, v := range u.Volumes.Items {
		o.Volumes = append(o.Volumes, &Volume{v})
	}
	for _, r := range sorted(u.BuildCache.Items) {
		o.BuildCache = append(o.BuildCache, &Cache{r, isTable})
	}
	if text == "" || text == "table" {
		if err := tables(out, o, u.BuildCache.Size); err != nil || u.Snapshots == nil {
			return err
		}
		_, _ = io.WriteString(out, "\nSnapshots space usage:\n\n")
		return snapshot.Write(out, snapshot.DiskTable, u.Snapshots.Items)
	}
	tmpl, err := format.Parse(format.Template(longFormat(text)))
	if err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	return tmpl.Execute(out, o)
}

func longFormat(text string) string {
	if text != "raw" {
		return text
	}
	var b strings.Builder
	for _, part := range []struct{ list, kind, text string }{
		{"Images", "Image", image.RawFormat(true)},
		{"Containers", "Container", listing.RawFormat(true)},
		{"Volumes", "Volume", "name: {{.Name}}\ndriver: {{.Driver}}\n"},
		{"BuildCache", "Build Cache", rawCache},
	} {
		fmt.Fprintf(&b, "{{range .%s}}type: %s\n%s\n{{end -}}\n", part.list, part.kind, part.text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func tables(out io.Writer, o objects, cache int64) error {
	_, _ = io.WriteString(out, "Images space usage:\n\n")
	err := format.Write(out, `table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}`,
		image.Header(), o.Images)
	if err != nil {
		return err
	}
	_, _ = io.WriteString(out, "\nContainers space usage:\n\n")
	err = format.Write(out, `table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}`,
		listing.Header(), o.Containers)
	if err != nil {
		return err
	}
	_, _ = io.WriteString(out, "\nLocal Volumes space usage:\n\n")
	if err := format.Write(out, `table {{.Name}}\t{{.Links}}\t{{.Size}}`, volumeHeader(), o.Volumes); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\nBuild cache usage: %s\n\n", units.HumanSize(float64(cache)))
	return format.Write(out, `table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}`,
		cacheHeader(), o.BuildCache)
}
