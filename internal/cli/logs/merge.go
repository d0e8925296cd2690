// Package logs puts the logs of several containers together, in the order of
// their times.
package logs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
)

const (
	// quiet is how long a live log is waited for before the others go on
	// without it.
	quiet = 100 * time.Millisecond
	// ahead is how many lines of a log are read before they are needed.
	ahead = 64
	// longest is where a line is cut that does not end, in bytes.
	longest = 1 << 20
)

// Line is a line of a log, without its end.
type Line struct {
	At     time.Time
	Text   string // with the time before it, as it came
	Stderr bool
}

// Message is the text without its time.
func (l Line) Message() string {
	if _, text, ok := strings.Cut(l.Text, " "); ok && !l.At.IsZero() {
		return text
	}
	return l.Text
}

// Logs are several logs that are read at the same time.
type Logs struct {
	sources []*source
	wake    chan struct{} // a line has come, or an end
}

// New returns no logs yet.
func New() *Logs { return &Logs{wake: make(chan struct{}, 1)} }

// source is one log with times.
type source struct {
	lines chan Line
	head  *Line
	idle  bool // it has said nothing for a while
	ended bool
	err   error // read after ended
}

// Add begins to read a log with times until it ends or ctx does; raw is one that
// is not framed.
func (g *Logs) Add(ctx context.Context, in io.Reader, raw bool) {
	s := &source{lines: make(chan Line, ahead)}
	g.sources = append(g.sources, s)
	go func() {
		defer g.signal()
		defer close(s.lines)
		out, errOut := &splitter{ctx: ctx, logs: g, to: s}, &splitter{ctx: ctx, logs: g, to: s, stderr: true}
		var err error
		if raw {
			_, err = io.Copy(out, in)
		} else {
			_, err = stdcopy.StdCopy(out, errOut, in)
		}
		out.end()
		errOut.end()
		s.err = err
	}()
}

func (g *Logs) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// take gets the next line if there is one, or waits for it.
func (s *source) take(wait bool) {
	if s.head != nil || s.ended {
		return
	}
	var l Line
	ok := false
	if wait {
		l, ok = <-s.lines
	} else {
		select {
		case l, ok = <-s.lines:
		default:
			return
		}
	}
	if !ok {
		s.ended = true
		return
	}
	s.head, s.idle = &l, false
}

// splitter makes lines of one stream.
type splitter struct {
	ctx    context.Context
	logs   *Logs
	to     *source
	stderr bool
	part   []byte
}

// Write takes output in.
func (w *splitter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, ok := bytes.Cut(p, []byte("\n"))
		w.part = append(w.part, line...)
		if !ok {
			if len(w.part) > longest {
				return n, w.send()
			}
			return n, nil
		}
		if err := w.send(); err != nil {
			return 0, err
		}
		p = rest
	}
}

func (w *splitter) end() {
	if len(w.part) > 0 {
		_ = w.send() // nobody reads on when it fails
	}
}

func (w *splitter) send() error {
	l := Line{Text: strings.TrimSuffix(string(w.part), "\r"), Stderr: w.stderr}
	w.part = w.part[:0]
	stamp, _, _ := strings.Cut(l.Text, " ")
	if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
		l.At = at
	}
	select {
	case w.to.lines <- l:
		w.logs.signal()
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// Merge calls show with the lines of all logs, the oldest first, until all have
// ended; which is the log's place in the order of Add. Live logs are not waited
// for longer than a moment, so that a silent one does not hold up the others.
func (g *Logs) Merge(ctx context.Context, live bool, show func(which int, l Line) error) error {
	for {
		g.gather(ctx, live)
		next := -1
		for i, s := range g.sources {
			if s.head != nil && (next < 0 || s.head.At.Before(g.sources[next].head.At)) {
				next = i
			}
		}
		switch {
		case next >= 0:
			l := *g.sources[next].head
			g.sources[next].head = nil
			if err := show(next, l); err != nil {
				return err
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case g.ended():
			return g.err()
		}
	}
}

// gather gets the next line of every log that has one. When it returns there is
// a line, or all logs have ended, or a moment has passed.
func (g *Logs) gather(ctx context.Context, live bool) {
	waited := g.poll(live)
	if waited == 0 && (g.hasLine() || g.ended()) {
		return
	}
	deadline := time.NewTimer(quiet)
	defer deadline.Stop()
	for waited > 0 || !g.hasLine() && !g.ended() {
		select {
		case <-g.wake:
			waited = g.poll(live)
		case <-ctx.Done():
			return
		case <-deadline.C:
			for _, s := range g.sources {
				s.idle = s.idle || s.head == nil
			}
			return
		}
	}
}

// poll looks for lines and returns how many logs have to be waited for.
func (g *Logs) poll(live bool) int {
	waited := 0
	for _, s := range g.sources {
		s.take(!live)
		if s.head == nil && !s.ended && !s.idle {
			waited++
		}
	}
	return waited
}

func (g *Logs) hasLine() bool {
	return slices.ContainsFunc(g.sources, func(s *source) bool { return s.head != nil })
}

func (g *Logs) ended() bool {
	return !slices.ContainsFunc(g.sources, func(s *source) bool { return !s.ended })
}

// err is what has gone wrong with one of the logs; they have ended.
func (g *Logs) err() error {
	var errs []error
	for _, s := range g.sources {
		errs = append(errs, s.err)
	}
	return errors.Join(errs...)
}
