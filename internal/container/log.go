package container

import (
	"context"
	"time"

	"berth/internal/fault"
	"berth/internal/logfile"
	"berth/internal/stream"
)

// sink opens the run's log and returns what takes output in; nil when the
// container keeps no log.
func openSink(e *entry, c Container) (stream.Sink, error) {
	if c.LogPath == "" {
		return nil, nil
	}
	opts, err := logfile.ParseOptions(c.HostConfig.LogOptions)
	if err != nil {
		return nil, err
	}
	l, err := logfile.Open(c.LogPath, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the log cannot be opened")
	}
	e.log.Store(l)
	return func(st byte, t time.Time, chunk []byte) error {
		name := "stdout"
		if st == stream.Stderr {
			name = "stderr"
		}
		return l.Write(name, t, chunk)
	}, nil
}

// closeLog ends the run's log; those who follow it end when they have read it.
func closeLog(e *entry) {
	if l := e.log.Swap(nil); l != nil {
		l.Close()
	}
}

// readLog reads a container's log: the open one while it runs, which can be
// followed, else the file.
func readLog(ctx context.Context, e *entry, o logfile.ReadOptions, f func(logfile.Entry) error) error {
	c := e.snapshot()
	if c.LogPath == "" {
		return nil
	}
	if l := e.log.Load(); l != nil {
		return l.Read(ctx, o, f)
	}
	o.Follow = false // nothing more comes
	return logfile.Read(ctx, c.LogPath, logfile.JSON(nil), o, f)
}
