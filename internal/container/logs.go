package container

import (
	"context"
	"errors"
	"regexp"
	"time"

	"berth/internal/container/stdio"
	"berth/internal/fault"
)

// LogOptions say what a client wants of a container's log.
type LogOptions struct {
	Stdout, Stderr bool
	Follow         bool
	Timestamps     bool
	Details        bool
	Since, Until   time.Time // zero: no bound
	Tail           int       // lines; -1 for all
	Grep           *regexp.Regexp
	Open           stdio.Opener
}

// Logs writes what a container wrote, and with Follow what it will.
func (s Streams) Logs(ctx context.Context, ref string, opts LogOptions) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if !opts.Stdout && !opts.Stderr {
		return fault.New(fault.Invalid, "Bad parameters: you must choose at least one stream")
	}
	c := e.snapshot()
	if err := logsOf(s.deps).of(c).Readable(); err != nil {
		return err
	}
	_, out, errs, err := opts.Open(c.Config.Tty)
	if err != nil {
		return err
	}
	err = logsOf(s.deps).copy(ctx, e, opts, out, errs)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
