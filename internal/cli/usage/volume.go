package usage

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"berth/internal/cli/format"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/volume"
)

// unknown stands for what the daemon does not say.
const unknown = "N/A"

// Volume is a volume's row; its exported methods are the placeholders of --format.
type Volume struct{ v volume.Volume }

func volumeHeader() format.Header {
	return format.Header{
		"Name": "VOLUME NAME", "Group": "GROUP", "Driver": "DRIVER", "Scope": "SCOPE", "Availability": "AVAILABILITY",
		"Mountpoint": "MOUNTPOINT", "Labels": "LABELS", "Links": "LINKS", "Size": "SIZE", "Status": "STATUS",
	}
}

// WriteVolumes writes a line for each of the volumes.
func WriteVolumes(w io.Writer, template string, list []volume.Volume) error {
	rows := make([]*Volume, 0, len(list))
	for _, v := range list {
		rows = append(rows, &Volume{v})
	}
	return format.Write(w, template, volumeHeader(), rows)
}

// MarshalJSON shows all placeholders.
func (r *Volume) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *Volume) Name() string       { return r.v.Name }
func (r *Volume) Driver() string     { return r.v.Driver }
func (r *Volume) Scope() string      { return r.v.Scope }
func (r *Volume) Mountpoint() string { return r.v.Mountpoint }

func (r *Volume) Labels() string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(r.v.Labels)) {
		pairs = append(pairs, k+"="+r.v.Labels[k])
	}
	return strings.Join(pairs, ",")
}

// Label returns one label's value.
func (r *Volume) Label(name string) string { return r.v.Labels[name] }

func (r *Volume) Links() string {
	if r.v.UsageData == nil {
		return unknown
	}
	return fmt.Sprint(r.v.UsageData.RefCount)
}

func (r *Volume) Size() string {
	if r.v.UsageData == nil {
		return unknown
	}
	return units.HumanSize(float64(r.v.UsageData.Size))
}

func (r *Volume) Group() string {
	if r.v.ClusterVolume == nil {
		return unknown
	}
	return r.v.ClusterVolume.Spec.Group
}

func (r *Volume) Availability() string {
	if r.v.ClusterVolume == nil {
		return unknown
	}
	return string(r.v.ClusterVolume.Spec.Availability)
}

func (r *Volume) Status() string {
	c := r.v.ClusterVolume
	switch {
	case c == nil:
		return unknown
	case c.Info == nil || c.Info.VolumeID == "":
		return "pending creation"
	}
	switch n := len(c.PublishStatus); n {
	case 0:
		return "created"
	case 1:
		return "in use (1 node)"
	default:
		return fmt.Sprintf("in use (%d nodes)", n)
	}
}
