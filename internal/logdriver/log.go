package logdriver

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/logfile"
)

// Log is a container's log, open for writing.
type Log struct {
	file   *logfile.Log // nil when the log cannot be read
	remote *outlet      // nil for drivers of files
	ring   *ring        // nil in blocking mode
	direct bool         // chunks go into the file as they are

	mu     sync.Mutex // guards what follows, and who writes to the drivers
	split  logfile.Splitter
	behind *ring // what is on its way from WriteBehind; nil when there is nothing
}

// Opening says how a log is opened.
type Opening struct {
	// Must fails when the driver's receiver is away, as it does at a start. Without it, the
	// log of a container that runs already is opened whatever its receiver does.
	Must bool
	Warn func(format string, args ...any)
}

// Open opens a container's log; nil when it has none.
func (t Target) Open(how Opening) (_ *Log, err error) {
	if t.Driver == None {
		return nil, nil
	}
	l := &Log{}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	k, err := find(t.Driver)
	if err != nil {
		return nil, err
	}
	if l.file, err = t.openFile(); err != nil {
		return nil, err
	}
	if k.send != nil {
		r, err := k.send(t.info())
		if err != nil {
			return nil, err
		}
		l.remote = &outlet{Driver: r, driver: t.Driver, warn: how.Warn}
		if how.Must {
			if err := r.Connect(); err != nil {
				return nil, err
			}
		}
	}
	size, err := t.Choice.ring()
	if err != nil {
		return nil, err
	}
	l.direct = l.remote == nil && size == 0
	if size > 0 {
		target := Driver(l.remote)
		if l.remote == nil {
			target = l.file
		}
		l.ring = newRing(size, target)
	}
	return l, nil
}

// Write takes what the container wrote to a stream at t: what it completes is in
// the log's file, and on its way as the driver promises, when Write returns. The
// chunk is not kept.
func (l *Log) Write(stream string, t time.Time, chunk []byte) error {
	if l.direct {
		return l.file.Write(stream, t, chunk)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind != nil {
		l.behind.finish()
		l.behind = nil
	}
	err := l.split.Split(stream, t, chunk, l.log)
	return errors.Join(err, l.flush())
}

// behindSize is how many bytes of what was written behind may be on their way.
const behindSize = 16 << 20

// WriteBehind is Write for what a container wrote while there was no daemon: the
// file has it when WriteBehind returns, a receiver gets it later, and nobody
// waits for that but the next Write.
func (l *Log) WriteBehind(stream string, t time.Time, chunk []byte) error {
	if l.remote == nil || l.ring != nil {
		return l.Write(stream, t, chunk)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind == nil {
		l.behind = newRing(behindSize, l.remote)
	}
	return errors.Join(l.split.Split(stream, t, chunk, l.log), l.flush())
}

// log gives a message to everyone. The file comes first: it is the one that does not wait.
func (l *Log) log(m *logfile.Message) error {
	var errs error
	if l.file != nil && (l.ring == nil || l.remote != nil) {
		errs = l.file.Log(m)
	}
	switch {
	case l.behind != nil:
		errs = errors.Join(errs, l.behind.put(m))
	case l.ring != nil:
		errs = errors.Join(errs, l.ring.put(m))
	case l.remote != nil:
		errs = errors.Join(errs, l.remote.Log(m))
	}
	return errs
}

func (l *Log) flush() error {
	var errs error
	if l.file != nil {
		errs = l.file.Flush()
	}
	if l.remote != nil && l.ring == nil && l.behind == nil {
		errs = errors.Join(errs, l.remote.Flush())
	}
	return errs
}

// LetGo gives the receiver up: a Write that waits for it comes to an end, and what is
// written from now on is kept in the file alone.
func (l *Log) LetGo() {
	if l.remote != nil && l.ring == nil {
		l.remote.Driver.Close()
	}
}

// Read calls fn for every entry, as logfile's Read does.
func (l *Log) Read(ctx context.Context, o logfile.ReadOptions, fn func(logfile.Entry) error) error {
	if l.file == nil {
		return fault.New(fault.Unsupported, "configured logging driver does not support reading")
	}
	return l.file.Read(ctx, o, fn)
}

// Close writes what is held and ends the log. A Write that waits for a receiver
// is ended: nobody waits for one any more.
func (l *Log) Close() error {
	if !l.mu.TryLock() {
		l.LetGo()
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	errs := errors.Join(l.split.Rest(l.log), l.flush())
	for _, r := range []*ring{l.ring, l.behind} {
		if r != nil {
			r.close()
		}
	}
	if l.remote != nil {
		errs = errors.Join(errs, l.remote.Driver.Close())
	}
	if l.file != nil {
		errs = errors.Join(errs, l.file.Close())
	}
	return errs
}
