package snapshot

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"

	"github.com/docker/go-units"
)

// Row is a snapshot's row; its exported methods are the placeholders of --format.
type Row struct {
	x     engine.Snapshot
	trunc bool
}

// DiskTable is the table of what snapshots take.
const DiskTable = "table {{.ID}}\t{{.Name}}\t{{.Of}}\t{{.CreatedSince}}\t{{.Size}}\t{{.UniqueSize}}"

// Write writes a line for each of the snapshots.
func Write(w io.Writer, template string, list []engine.Snapshot) error {
	rows := make([]*Row, 0, len(list))
	for _, x := range list {
		rows = append(rows, &Row{x, true})
	}
	return format.Write(w, template, header(), rows)
}

// Of is what the snapshot is of.
func (r *Row) Of() string {
	if r.x.Volume != "" {
		return r.x.Volume
	}
	return r.Container()
}

func header() format.Header {
	return format.Header{
		"ID": "SNAPSHOT ID", "Name": "NAME", "Volume": "VOLUME NAME", "Of": "OF", "Container": "CONTAINER ID", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED",
		"Size": "SIZE", "UniqueSize": "UNIQUE SIZE", "Entries": "ENTRIES", "Labels": "LABELS", "Reason": "REASON", "Frozen": "FROZEN",
	}
}

// MarshalJSON shows all placeholders.
func (r *Row) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *Row) ID() string {
	if r.trunc {
		return format.ShortID(r.x.ID)
	}
	return r.x.ID
}

func (r *Row) Name() string   { return r.x.Name }
func (r *Row) Volume() string { return r.x.Volume }

func (r *Row) Container() string {
	if r.trunc {
		return format.ShortID(r.x.Container)
	}
	return r.x.Container
}

func (r *Row) CreatedAt() string { return r.x.CreatedAt }

func (r *Row) CreatedSince() string {
	at, err := time.Parse(time.RFC3339Nano, r.x.CreatedAt)
	if err != nil {
		return r.x.CreatedAt
	}
	return units.HumanDuration(time.Since(at)) + " ago"
}

func (r *Row) Size() string    { return units.HumanSize(float64(r.x.Size)) }
func (r *Row) Entries() string { return fmt.Sprint(r.x.Entries) }

func (r *Row) UniqueSize() string {
	if r.x.UniqueSize == nil {
		return "N/A"
	}
	return units.HumanSize(float64(*r.x.UniqueSize))
}

func (r *Row) Labels() string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(r.x.Labels)) {
		pairs = append(pairs, k+"="+r.x.Labels[k])
	}
	return strings.Join(pairs, ",")
}

// Label returns one label's value.
func (r *Row) Label(name string) string { return r.x.Labels[name] }

func (r *Row) Reason() string { return r.x.Reason }

// Frozen is how long those who use the files stood still.
func (r *Row) Frozen() string { return time.Duration(r.x.Frozen).Round(10 * time.Microsecond).String() }
