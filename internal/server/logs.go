package server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"berth/internal/container"
	"berth/internal/logdriver/view"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/frames"

	"github.com/moby/moby/api/types"
)

// logs streams a container's log.
func (r containerRoutes) logs(c *call) error {
	opts, err := logOptions(c, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(r.life.ctx, cancel)()
	var out *flusher
	var errs io.Writer
	opts.Open = func(tty bool) (_ io.Reader, stdout, stderr io.Writer, err error) {
		kind := types.MediaTypeRawStream
		if !tty && c.version.Has(compat.MultiplexedType) {
			kind = types.MediaTypeMultiplexedStream
		}
		c.w.Header().Set("Content-Type", kind)
		c.w.WriteHeader(http.StatusOK)
		out = newFlusher(c.w)
		stdout, errs = frames.Outputs(out, tty)
		return nil, stdout, errs, nil
	}
	err = r.streams.Logs(ctx, c.name, opts)
	if out == nil {
		return err
	}
	if err != nil && ctx.Err() == nil {
		_, _ = io.WriteString(errs, "Error grabbing logs: "+err.Error()+"\n")
	}
	out.close()
	return nil
}

// logOptions reads the query of logs.
func logOptions(c *call, now time.Time) (container.LogOptions, error) {
	o := container.LogOptions{
		Stdout:     c.flag("stdout"),
		Stderr:     c.flag("stderr"),
		Follow:     c.flag("follow"),
		Timestamps: c.flag("timestamps"),
		Details:    c.flag("details"),
		Tail:       -1,
	}
	if !o.Stdout && !o.Stderr {
		return o, errNoStream
	}
	var err error
	if o.Since, err = filter.Time("since", c.query.Get("since"), now); err != nil {
		return o, err
	}
	if o.Until, err = filter.Time("until", c.query.Get("until"), now); err != nil {
		return o, err
	}
	if o.Grep, err = view.Pattern(c.query.Get("grep")); err != nil {
		return o, err
	}
	// Docker takes a tail that is no number for all.
	if n, err := strconv.Atoi(c.query.Get("tail")); err == nil && n >= 0 {
		o.Tail = n
	}
	return o, nil
}

// flusher gathers small writes to an HTTP answer and flushes them from a goroutine
// of its own: at once when the writer pauses, and many together when it does not.
type flusher struct {
	mu    sync.Mutex
	buf   *bufio.Writer
	http  *http.ResponseController
	dirty chan struct{}
	done  chan struct{}
}

// newFlusher sends the header of w and starts the goroutine; close ends it.
func newFlusher(w http.ResponseWriter) *flusher {
	f := &flusher{
		buf:   bufio.NewWriterSize(w, 64<<10),
		http:  http.NewResponseController(w),
		dirty: make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	_ = f.http.Flush()
	go func() {
		defer close(f.done)
		for range f.dirty {
			f.flush()
		}
	}()
	return f
}

func (f *flusher) Write(p []byte) (int, error) {
	f.mu.Lock()
	n, err := f.buf.Write(p)
	f.mu.Unlock()
	select {
	case f.dirty <- struct{}{}:
	default:
	}
	return n, err
}

func (f *flusher) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.buf.Flush() == nil {
		_ = f.http.Flush()
	}
}

// close sends what is left. Nobody may write any more.
func (f *flusher) close() {
	close(f.dirty)
	<-f.done
	f.flush()
}
