// Package progress shows the JSON streams of load, import and pull.
package progress

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"berth/internal/cli/terminal"
	"berth/internal/fault"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/jsonstream"
)

// Show prints a stream's messages until it ends, and returns the error that
// the daemon put into it, if any. On a terminal every item keeps its line;
// elsewhere progress is left out.
func Show(in io.Reader, out io.Writer) error {
	s := shower{out: out, tty: terminal.Is(out), lines: map[string]int{}}
	dec := json.NewDecoder(in)
	for {
		var m jsonstream.Message
		if err := dec.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if m.Error != nil {
			return fault.As(fault.Internal, m.Error)
		}
		s.show(m)
	}
}

type shower struct {
	out   io.Writer
	tty   bool
	lines map[string]int // which line an item has, counted from the first
}

func (s *shower) show(m jsonstream.Message) {
	hasProgress := m.Progress != nil && (m.Progress.Current > 0 || m.Progress.Total > 0)
	switch {
	case m.Stream != "":
		_, _ = io.WriteString(s.out, m.Stream)
	case m.Aux != nil || hasProgress && !s.tty || m.Status == "" && !hasProgress:
		// Nothing for people.
	case m.ID != "" && s.tty:
		s.item(m)
	case m.ID != "":
		_, _ = fmt.Fprintf(s.out, "%s: %s\n", m.ID, m.Status)
	default:
		_, _ = fmt.Fprintf(s.out, "%s\n", m.Status)
		// Plain lines push the items out of reach.
		s.lines = map[string]int{}
	}
}

// item rewrites the item's own line with the cursor moved there and back.
func (s *shower) item(m jsonstream.Message) {
	line, ok := s.lines[m.ID]
	if !ok {
		line = len(s.lines)
		s.lines[m.ID] = line
		_, _ = io.WriteString(s.out, "\n")
	}
	up := len(s.lines) - line
	text := m.Status
	if m.Progress != nil && m.Progress.Current > 0 {
		text += " " + amount(m.Progress)
	}
	_, _ = fmt.Fprintf(s.out, "\x1b[%dA\x1b[2K\r%s: %s\r\x1b[%[1]dB", up, m.ID, text)
}

func amount(p *jsonstream.Progress) string {
	current := units.HumanSize(float64(p.Current))
	if p.Units != "" {
		current = fmt.Sprintf("%d %s", p.Current, p.Units)
	}
	if p.Total <= 0 || p.HideCounts || p.Units != "" {
		return current
	}
	return current + "/" + units.HumanSize(float64(p.Total))
}
