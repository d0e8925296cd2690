// Package terminal is what the client does to the terminal that it runs in:
// raw mode and back, its size, detach keys, and the signals that it passes on.
package terminal

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/term"
)

// fd returns the descriptor of a stream that is a terminal.
func fd(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return 0, false
	}
	n := int(f.Fd())
	return n, term.IsTerminal(n)
}

// Is reports whether a stream is a terminal.
func Is(stream any) bool {
	_, ok := fd(stream)
	return ok
}

// Size returns a terminal's height and width in cells; zeros when it is none.
func Size(stream any) (height, width uint) {
	n, ok := fd(stream)
	if !ok {
		return 0, 0
	}
	w, h, err := term.GetSize(n)
	if err != nil || w < 0 || h < 0 {
		return 0, 0
	}
	return uint(h), uint(w)
}

// Guard puts a terminal into raw mode and back. Its methods may be called from
// any goroutine and more than once, so that every way out can restore.
type Guard struct {
	mu    sync.Mutex
	fd    int
	state *term.State
}

// Raw puts the stream into raw mode. A stream that is no terminal is left alone.
func (g *Guard) Raw(stream any) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := fd(stream)
	if !ok || g.state != nil {
		return nil
	}
	state, err := term.MakeRaw(n)
	if err != nil {
		return err
	}
	g.fd, g.state = n, state
	return nil
}

// Restore gives the terminal back as it was before Raw.
func (g *Guard) Restore() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == nil {
		return
	}
	_ = term.Restore(g.fd, g.state)
	g.state = nil
}

// ReadSecret reads a line from a terminal that does not show it. When ctx ends
// the terminal is given back as it was; the goroutine that reads stays until the
// process ends, since nothing can interrupt it.
func ReadSecret(ctx context.Context, stream any) (string, error) {
	n, ok := fd(stream)
	if !ok {
		return "", errors.New("the input device is not a TTY")
	}
	before, err := term.GetState(n)
	if err != nil {
		return "", err
	}
	type answer struct {
		secret []byte
		err    error
	}
	read := make(chan answer, 1)
	go func() {
		secret, err := term.ReadPassword(n)
		read <- answer{secret, err}
	}()
	select {
	case a := <-read:
		return string(a.secret), a.err
	case <-ctx.Done():
		_ = term.Restore(n, before)
		return "", context.Cause(ctx)
	}
}
