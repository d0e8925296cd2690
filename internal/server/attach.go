package server

import (
	"io"

	"berth/internal/container"
	"berth/internal/fault"
)

// attach joins a container's streams over the hijacked connection.
func (r containerRoutes) attach(c *call) (err error) {
	ctx, cancel := r.life.lasting(c.r.Context())
	t := &stream{life: r.life, call: c, cancel: cancel}
	defer t.finish(&err)
	return r.streams.Attach(ctx, c.name, container.AttachOptions{
		Logs:       c.flag("logs"),
		Stream:     c.flag("stream"),
		DetachKeys: c.query.Get("detachKeys"),
		Open: func(tty bool) (stdin io.Reader, stdout, stderr io.Writer, err error) {
			in, out, errs, err := t.open(tty)
			if err != nil {
				return nil, nil, nil, err
			}
			if c.flag("stdin") {
				stdin = in
			} else {
				go drain(in)
			}
			if c.flag("stdout") {
				stdout = out
			}
			if c.flag("stderr") {
				stderr = errs
			}
			return stdin, stdout, stderr, nil
		},
	})
}

// drain reads what nobody asked for, so that a client that sends it anyway is not
// stuck.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

var errNoStream = fault.New(fault.Invalid, "Bad parameters: you must choose at least one stream")
