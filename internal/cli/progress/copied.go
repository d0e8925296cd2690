package progress

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/cli/terminal"

	"github.com/docker/go-units"
)

// step is how often the number of copied bytes is shown.
const step = 75 * time.Millisecond

// What a terminal understands: to keep a place and to come back to it, to clear
// a line or its rest, to hide the cursor and to show it.
const (
	savePlace, toPlace    = "\x1b[s", "\x1b[u"
	clearLine, clearRest  = "\x1b[2K", "\x1b[0K"
	hideCursor, showAgain = "\x1b[?25l", "\x1b[?25h"
)

// Copied counts the bytes of a copy and shows the number on a terminal.
type Copied struct {
	n    atomic.Int64
	stop func()
}

// Size shows a number of bytes.
func Size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

// NewCopied begins to show what is copied behind a title, if out is a terminal.
func NewCopied(out io.Writer, title string) *Copied {
	c := &Copied{stop: func() {}}
	if !terminal.Is(out) {
		return c
	}
	_, _ = io.WriteString(out, savePlace+hideCursor+clearLine+title+Size(0))
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(step)
		defer ticks.Stop()
		for shown := int64(0); ; {
			select {
			case <-done:
				return
			case <-ticks.C:
			}
			if n := c.n.Load(); n != shown {
				shown = n
				_, _ = fmt.Fprintf(out, "\x1b[%dG%s%s", len(title)+1, clearRest, Size(n))
			}
		}
	}()
	c.stop = sync.OnceFunc(func() {
		close(done)
		<-ended
		_, _ = io.WriteString(out, toPlace+clearLine+showAgain)
	})
	return c
}

// Reader counts what is read of in.
func (c *Copied) Reader(in io.Reader) io.Reader { return &counted{in: in, n: &c.n} }

// Bytes is how many there have been.
func (c *Copied) Bytes() int64 { return c.n.Load() }

// Close takes the number away from the terminal.
func (c *Copied) Close() { c.stop() }

type counted struct {
	in io.Reader
	n  *atomic.Int64
}

// Read reads and counts.
func (r *counted) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.n.Add(int64(n))
	return n, err
}
