// Package progress shows the JSON streams of load, import, pull and push. On a
// terminal every layer keeps its line, with a bar, and below them is how far all
// of it is; elsewhere the states are plain lines and the numbers are left out.
package progress

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"berth/internal/fault"

	"github.com/moby/moby/api/types/jsonstream"
)

// Show prints a stream's messages until it ends, and returns the error that
// the daemon put into it, if any.
func Show(in io.Reader, out io.Writer) error {
	b := NewBoard(out)
	defer b.Close()
	return b.Follow(Stream{In: in})
}

// Stream is one stream of messages.
type Stream struct {
	// Title tells the stream from others on the same board; empty when it is alone.
	Title string
	In    io.Reader
	// Aux, when not nil, gets what is in the stream for programs.
	Aux func(json.RawMessage)
}

// Follow shows a stream until it ends. Several streams may be followed on one
// board at the same time.
func (b *Board) Follow(s Stream) error {
	place := b.place(s.Title)
	dec := json.NewDecoder(s.In)
	for {
		var m jsonstream.Message
		if err := dec.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		switch {
		case m.Error != nil:
			return fault.As(fault.Internal, m.Error)
		case m.Aux != nil:
			if s.Aux != nil {
				s.Aux(*m.Aux)
			}
		default:
			b.show(place, m)
		}
	}
}

// show takes in a message for people.
func (b *Board) show(p *part, m jsonstream.Message) {
	numbers := m.Progress != nil && (m.Progress.Current > 0 || m.Progress.Total > 0)
	switch {
	case m.Stream != "":
		b.text(p, m.Stream)
	case m.Status == "" && !numbers:
	case m.ID != "" && m.Progress != nil && b.tty:
		b.item(p, m)
	case numbers: // of no use without a terminal
	case m.ID != "":
		b.text(p, fmt.Sprintf("%s: %s\n", m.ID, m.Status))
	default:
		b.text(p, m.Status+"\n")
	}
}
