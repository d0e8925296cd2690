package container

import (
	"context"
	"io"
	"time"

	"berth/internal/fault"
	"berth/internal/logdriver"
	"berth/internal/logdriver/source"
	"berth/internal/logdriver/view"
	"berth/internal/logfile"
	"berth/internal/stream"
)

// logbook knows where containers are logged.
type logbook struct{ deps Deps }

func logsOf(d Deps) logbook { return logbook{d} }

// of is where a container's output is logged.
func (b logbook) of(c Container) logdriver.Target {
	return logdriver.Target{
		Choice: logdriver.Choice{Driver: c.HostConfig.LogDriver, Options: c.HostConfig.LogOptions}.Or(logdriver.Choice{}),
		Dir:    b.deps.Paths.Dir(c.ID),
		Info: source.Info{
			ContainerID: c.ID, ContainerName: "/" + c.Name, ContainerEntrypoint: c.Path, ContainerArgs: c.Args, ContainerCreated: c.Created,
			ContainerImageID: c.ImageID, ContainerImageName: c.Config.Image, ContainerEnv: c.Config.Env, ContainerLabels: c.Config.Labels,
		},
	}
}

// choose fills in the daemon's choice of a log and refuses what cannot be.
func (b logbook) choose(driver *string, options *map[string]string) error {
	c := logdriver.Choice{Driver: *driver, Options: *options}.Or(b.deps.Log)
	*driver, *options = c.Driver, c.Options
	return c.Check()
}

// openSink opens the run's log and returns what takes output in; nil when the
// container keeps no log. With must, a receiver of the log that is away is an error.
func (b logbook) openSink(e *entry, c Container, must bool) (stream.Sink, error) {
	l, err := b.of(c).Open(logdriver.Opening{Must: must, Warn: func(format string, args ...any) {
		b.deps.Warn("container "+e.id+": "+format, args...)
	}})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "failed to create task for container: failed to initialize logging driver")
	}
	if l == nil {
		return nil, nil
	}
	e.log.Store(l)
	return into(l.Write), nil
}

// behind takes in what a container wrote while there was no daemon; nil when it keeps no
// log. A receiver of the log keeps no daemon from starting.
func behind(e *entry) stream.Sink {
	l := e.log.Load()
	if l == nil {
		return nil
	}
	return into(l.WriteBehind)
}

func into(write func(stream string, t time.Time, chunk []byte) error) stream.Sink {
	return func(st byte, t time.Time, chunk []byte) error {
		name := "stdout"
		if st == stream.Stderr {
			name = "stderr"
		}
		return write(name, t, chunk)
	}
}

// receiverOf lets the log's receiver go that holds the output up; nil without a log.
func receiverOf(e *entry) (letGo func()) {
	if l := e.log.Load(); l != nil {
		return l.LetGo
	}
	return nil
}

// closeLog ends the run's log; those who follow it end when they have read it.
func closeLog(e *entry) {
	if l := e.log.Swap(nil); l != nil {
		l.Close()
	}
}

// copy writes log entries to a client's streams: from the open log while the
// container runs, which can be followed, else from its files.
func (b logbook) copy(ctx context.Context, e *entry, opts LogOptions, out, errs io.Writer) error {
	v := view.View{
		Stdout: opts.Stdout && out != nil, Stderr: opts.Stderr && errs != nil,
		Timestamps: opts.Timestamps, Details: opts.Details, Grep: opts.Grep,
	}
	read := logfile.ReadOptions{Since: opts.Since, Until: opts.Until, Tail: opts.Tail, Follow: opts.Follow}
	var line []byte
	show := func(entry logfile.Entry) error {
		var shown bool
		if line, shown = v.Append(line[:0], entry); !shown {
			return nil
		}
		w := out
		if entry.Stream == "stderr" {
			w = errs
		}
		_, err := w.Write(line)
		return err
	}
	return b.lines(ctx, e, read, show)
}

// lines reads a container's log.
func (b logbook) lines(ctx context.Context, e *entry, read logfile.ReadOptions, show func(logfile.Entry) error) error {
	if l := e.log.Load(); l != nil {
		return l.Read(ctx, read, show)
	}
	return b.of(e.snapshot()).Read(ctx, read, show)
}
