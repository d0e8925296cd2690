package stats

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"berth/internal/cli/format"

	"github.com/docker/go-units"
)

const (
	unknown      = "--"
	defaultTable = `table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}`
)

// Row is a container in the table; its exported methods are the placeholders of
// --format.
type Row struct {
	asked, name, id string
	use             Use
	lost            bool // the figures are not to be had
	trunc           bool
}

// Write prints rows with a --format value.
func Write(out io.Writer, text string, rows []*Row) error {
	if text == "" || text == "table" {
		text = defaultTable
	}
	return format.Write(out, text, format.Header{
		"Container": "CONTAINER", "Name": "NAME", "ID": "CONTAINER ID", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT",
		"MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
	}, rows)
}

// MarshalJSON shows all placeholders.
func (r *Row) MarshalJSON() ([]byte, error) { return format.JSON(r) }

// Container is what the user called it.
func (r *Row) Container() string { return r.asked }

func (r *Row) Name() string {
	if name := strings.TrimPrefix(r.name, "/"); name != "" {
		return name
	}
	return unknown
}

func (r *Row) ID() string {
	if r.trunc {
		return format.ShortID(r.id)
	}
	return r.id
}

func (r *Row) CPUPerc() string { return r.unless(percent(r.use.CPU)) }
func (r *Row) MemPerc() string { return r.unless(percent(r.use.Memory)) }
func (r *Row) NetIO() string   { return r.unless(pair(r.use.Received, r.use.Sent)) }
func (r *Row) BlockIO() string { return r.unless(pair(r.use.ReadDisk, r.use.Written)) }
func (r *Row) PIDs() string    { return r.unless(strconv.FormatUint(r.use.Processes, 10)) }

func (r *Row) MemUsage() string {
	if r.lost {
		return unknown + " / " + unknown
	}
	return units.BytesSize(r.use.Used) + " / " + units.BytesSize(r.use.Limit)
}

func (r *Row) unless(text string) string {
	if r.lost {
		return unknown
	}
	return text
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

func pair(a, b float64) string {
	return units.HumanSizeWithPrecision(a, 3) + " / " + units.HumanSizeWithPrecision(b, 3)
}

// Frame puts a text over the one before it on a terminal: the cursor goes to the
// corner, every line's rest is cleared, and then what is below.
func Frame(text []byte) []byte {
	const corner, clearRest, clearBelow = "\x1b[H", "\x1b[K\n", "\x1b[J"
	out := []byte(corner)
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		out = append(append(out, line...), clearRest...)
	}
	return append(out, clearBelow...)
}
