package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"berth/internal/cli/terminal"

	"github.com/moby/moby/api/types/jsonstream"
)

// redraw is how often a terminal is brought up to date at the most.
const redraw = 80 * time.Millisecond

// Board is where streams are shown. On a terminal its last lines are rewritten
// in place as a whole; what is above them is never touched again.
type Board struct {
	out io.Writer
	tty bool

	mu    sync.Mutex
	parts []*part
	drawn int  // how many lines of the terminal are ours
	stale bool // something has changed since they were drawn
	speed speed
	stop  func()
}

// part is one stream's place on the board.
type part struct {
	title string
	rows  []*row
	items map[string]*row
}

// row is a line of a part: an item by its ID, or a text without one.
type row struct {
	id, status string
	progress   jsonstream.Progress
	// What an item first moves are its bytes: those that are fetched or sent,
	// and not those that are unpacked afterwards.
	moves      string
	now, whole int64
}

// NewBoard returns a board on out. It must be closed.
func NewBoard(out io.Writer) *Board { return &Board{out: out, tty: terminal.Is(out)} }

func (b *Board) place(title string) *part {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &part{title: title, items: map[string]*row{}}
	if title != "" && b.tty {
		p.rows = append(p.rows, &row{status: title})
	}
	b.parts = append(b.parts, p)
	return p
}

// text prints what stays. A stream that is alone has its items above it left as
// they are; one among others keeps its place and the text in it.
func (b *Board) text(p *part, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.tty && p.title == "":
		b.settle()
		_, _ = io.WriteString(b.out, text)
	case b.tty:
		p.rows = append(p.rows, &row{status: strings.TrimRight(text, "\n")})
		b.changed()
	case p.title != "":
		_, _ = io.WriteString(b.out, p.title+" | "+text)
	default:
		_, _ = io.WriteString(b.out, text)
	}
}

func (b *Board) item(p *part, m jsonstream.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := p.items[m.ID]
	if !ok {
		r = &row{id: m.ID}
		p.items[m.ID] = r
		p.rows = append(p.rows, r)
	}
	r.take(m)
	b.changed()
}

func (r *row) take(m jsonstream.Message) {
	r.status, r.progress = m.Status, *m.Progress
	switch {
	case r.moves == "" && m.Progress.Total > 0 && m.Progress.Units == "":
		r.moves = m.Status
		fallthrough
	case r.moves == m.Status && m.Progress.Total > 0:
		r.now, r.whole = min(m.Progress.Current, m.Progress.Total), m.Progress.Total
	case r.moves != m.Status:
		r.now = r.whole
	}
}

// changed has the board drawn soon.
func (b *Board) changed() {
	b.stale = true
	if b.stop != nil {
		return
	}
	done, ended := make(chan struct{}), make(chan struct{})
	b.stop = func() { close(done); <-ended }
	go func() {
		defer close(ended)
		ticks := time.NewTicker(redraw)
		defer ticks.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticks.C:
				b.mu.Lock()
				b.draw()
				b.mu.Unlock()
			}
		}
	}()
}

// draw brings the terminal up to date.
func (b *Board) draw() {
	if !b.stale {
		return
	}
	b.stale = false
	height, width := terminal.Size(b.out)
	b.write(frame(b.parts, b.speed.at(time.Now(), b.parts), int(width), int(height)))
}

// write puts lines in the place of those that were drawn before.
func (b *Board) write(lines []string) {
	var buf bytes.Buffer
	if b.drawn > 0 {
		fmt.Fprintf(&buf, "\x1b[%dA", b.drawn)
	}
	for _, line := range lines {
		buf.WriteString("\r" + clearLine + line + "\n")
	}
	if len(lines) < b.drawn {
		buf.WriteString("\x1b[0J")
	}
	b.drawn = len(lines)
	_, _ = buf.WriteTo(b.out)
}

// settle leaves what there is on the terminal for good, in full.
func (b *Board) settle() {
	_, width := terminal.Size(b.out)
	lines := settled(b.parts, int(width))
	if len(lines) > 0 || b.drawn > 0 {
		b.write(lines)
	}
	b.drawn, b.stale, b.speed = 0, false, speed{}
	for _, p := range b.parts {
		p.rows, p.items = nil, map[string]*row{}
	}
}

// Close leaves the last state of everything on the terminal.
func (b *Board) Close() {
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tty {
		b.settle()
	}
}
