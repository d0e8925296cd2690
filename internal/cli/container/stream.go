package container

import (
	"context"
	"errors"
	"fmt"
	"io"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"
	"berth/internal/detach"
	"berth/internal/fault"

	"github.com/moby/moby/api/pkg/stdcopy"
)

// streams connects the client's own streams with a hijacked connection.
type streams struct {
	session    *session.Session
	conn       *engine.Stream
	stdin, out bool // which directions are wanted
	stderr     bool
	tty        bool
	detachKeys string
}

// detachKeys returns the keys to use: the flag's, the configuration's, or ""
// for the default.
func detachKeys(s *session.Session, flag string) (string, error) {
	keys := flag
	if keys == "" {
		keys = s.Config().DetachKeys
	}
	if keys == "" {
		return "", nil
	}
	if _, err := detach.ParseKeys(keys); err != nil {
		return "", fault.New(fault.Invalid, "invalid detach keys (%s): %v", keys, err)
	}
	return keys, nil
}

// run copies until the output ends, the detach keys are typed
// (detach.Detached) or ctx ends. The terminal is restored on every way out.
func (x *streams) run(ctx context.Context) error {
	input, err := x.input()
	if err != nil {
		return err
	}
	defer x.session.Terminal.Restore()
	var output chan error
	if x.out || x.stderr {
		output = make(chan error, 1)
		go func() { output <- x.copyOutput() }()
	}
	inputDone := make(chan error, 1)
	go func() { inputDone <- x.copyInput(input) }()
	select {
	case err := <-output:
		return err
	case err := <-inputDone:
		if errors.Is(err, detach.Detached{}) || output == nil {
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-output:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// input returns what to send, nil for nothing. A terminal goes into raw mode
// and is watched for the detach keys.
func (x *streams) input() (io.Reader, error) {
	if !x.stdin {
		return nil, nil
	}
	if !x.tty {
		return x.session.In, nil
	}
	keys := detach.DefaultKeys()
	if x.detachKeys != "" {
		var err error
		if keys, err = detach.ParseKeys(x.detachKeys); err != nil {
			return nil, err
		}
	}
	if err := x.session.Terminal.Raw(x.session.In); err != nil {
		return nil, fmt.Errorf("unable to setup input stream: unable to set IO streams as raw terminal: %w", err)
	}
	return detach.NewReader(x.session.In, keys), nil
}

func (x *streams) copyInput(input io.Reader) error {
	if input != nil {
		_, err := io.Copy(x.conn, input)
		if errors.Is(err, detach.Detached{}) {
			return err
		}
		// Another error shows on the output's side as well, where it is returned.
	}
	_ = x.conn.CloseWrite()
	return nil
}

func (x *streams) copyOutput() error {
	if x.tty {
		_, err := io.Copy(x.session.Out, x.conn)
		// What is printed next must not meet a raw terminal.
		x.session.Terminal.Restore()
		return err
	}
	out, errOut := io.Discard, io.Discard
	if x.out {
		out = x.session.Out
	}
	if x.stderr {
		errOut = x.session.Err
	}
	_, err := stdcopy.StdCopy(out, errOut, x.conn)
	return err
}

// followSize sends the terminal's size now, without being waited for, and
// whenever it changes.
func followSize(ctx context.Context, s *session.Session, resize func(ctx context.Context, height, width uint) error) (stop func()) {
	send := func() {
		if h, w := terminal.Size(s.Out); h != 0 || w != 0 {
			// A size that does not arrive is no reason to fail; the next one may.
			_ = resize(ctx, h, w)
		}
	}
	go send()
	return terminal.OnResize(s.Out, send)
}
