// Package listing shows containers as rows of a table: the placeholders of `ps`.
package listing

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/cli/format"
	"berth/internal/cli/imageref"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Header names the columns of a list of containers.
func Header() format.Header {
	return format.Header{
		"ID": "CONTAINER ID", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND",
		"CreatedAt": "CREATED AT", "RunningFor": "CREATED", "Ports": "PORTS", "State": "STATE",
		"Status": "STATUS", "Size": "SIZE", "Labels": "LABELS", "Mounts": "MOUNTS",
		"LocalVolumes": "LOCAL VOLUMES", "Networks": "NETWORKS", "Platform": "PLATFORM",
		"HealthStatus": "HEALTH STATUS",
	}
}

// Row is a container in a list; its exported methods are the placeholders of
// --format, so there are as many as docker has.
type Row struct {
	c        container.Summary
	trunc    bool
	sizeUsed bool
}

// SizeUsed reports that a template has shown the row's size. It is no method,
// since those are placeholders.
func SizeUsed(r *Row) bool { return r.sizeUsed }

// NewRow returns the row of a container; trunc shortens what is long.
func NewRow(c container.Summary, trunc bool) *Row { return &Row{c: c, trunc: trunc} }

// MarshalJSON shows all placeholders.
func (r *Row) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *Row) ID() string {
	if r.trunc {
		return format.ShortID(r.c.ID)
	}
	return r.c.ID
}

func (r *Row) Names() string {
	var names []string
	for _, n := range r.c.Names {
		n = strings.TrimPrefix(n, "/")
		if !r.trunc {
			names = append(names, n)
			continue
		}
		// A name with a slash inside is a link's; people want the container's own.
		if !strings.Contains(n, "/") {
			return n
		}
	}
	return strings.Join(names, ",")
}

func (r *Row) Image() string {
	switch {
	case r.c.Image == "":
		return "<no image>"
	case !r.trunc:
		return r.c.Image
	}
	if short := format.ShortID(r.c.ImageID); short == format.ShortID(r.c.Image) {
		return short
	}
	ref, err := imageref.Parse(r.c.Image)
	if err != nil {
		return r.c.Image
	}
	ref.Digest = ""
	return ref.Familiar()
}

func (r *Row) Command() string {
	if r.trunc {
		return strconv.Quote(format.Ellipsis(r.c.Command, 20))
	}
	return strconv.Quote(r.c.Command)
}

func (r *Row) CreatedAt() string { return time.Unix(r.c.Created, 0).String() }

func (r *Row) RunningFor() string {
	return units.HumanDuration(time.Since(time.Unix(r.c.Created, 0))) + " ago"
}

// platform is an image's platform: a name in tables, an object in JSON.
type platform struct{ ocispec.Platform }

// String returns os/architecture[/variant].
func (p platform) String() string {
	name := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		name += "/" + p.Variant
	}
	return name
}

func (r *Row) Platform() *platform {
	d := r.c.ImageManifestDescriptor
	if d == nil || d.Platform == nil {
		return nil
	}
	return &platform{*d.Platform}
}

func (r *Row) Ports() string  { return displayPorts(r.c.Ports) }
func (r *Row) State() string  { return string(r.c.State) }
func (r *Row) Status() string { return r.c.Status }

func (r *Row) Size() string {
	r.sizeUsed = true
	size := units.HumanSizeWithPrecision(float64(r.c.SizeRw), 3)
	if r.c.SizeRootFs > 0 {
		size += fmt.Sprintf(" (virtual %s)", units.HumanSizeWithPrecision(float64(r.c.SizeRootFs), 3))
	}
	return size
}

func (r *Row) Labels() string {
	labels := make([]string, 0, len(r.c.Labels))
	for k, v := range r.c.Labels {
		labels = append(labels, k+"="+v)
	}
	slices.Sort(labels)
	return strings.Join(labels, ",")
}

// Label returns one label's value.
func (r *Row) Label(name string) string { return r.c.Labels[name] }

func (r *Row) Mounts() string {
	var mounts []string
	for _, m := range r.c.Mounts {
		name := m.Name
		if name == "" {
			name = m.Source
		}
		if r.trunc {
			name = format.Ellipsis(name, 15)
		}
		mounts = append(mounts, name)
	}
	return strings.Join(mounts, ",")
}

func (r *Row) LocalVolumes() string {
	n := 0
	for _, m := range r.c.Mounts {
		if m.Driver == "local" {
			n++
		}
	}
	return strconv.Itoa(n)
}

func (r *Row) Networks() string {
	if r.c.NetworkSettings == nil {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(r.c.NetworkSettings.Networks)), ",")
}

func (r *Row) HealthStatus() string {
	if r.c.Health != nil {
		return string(r.c.Health.Status)
	}
	return ""
}

// RawFormat is the template behind --format raw.
func RawFormat(size bool) string {
	text := `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`
	if size {
		text += `size: {{.Size}}\n`
	}
	return text
}
