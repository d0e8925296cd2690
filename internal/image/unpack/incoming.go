package unpack

import (
	"context"
	"io"

	"berth/internal/archive/compression"

	"github.com/containerd/containerd/v2/core/snapshots"
)

// Incoming is a layer that is extracted while somebody writes its tar, not packed: its name is known only at its
// end. What is written once is then not read again, nor hashed again: that it is what its name says follows from the
// name being made of the same bytes.
type Incoming struct {
	job  *job
	pipe *io.PipeWriter
	done chan error
}

// Begin makes a directory for a layer that lies on others, the nearest first. Either End or Abort must be called.
func Begin(ctx context.Context, sn snapshots.Snapshotter, lower []string) (*Incoming, error) {
	j, err := prepare(ctx, sn, Layer{Name: "incoming"})
	if err != nil {
		return nil, err
	}
	j.lower = lower
	out, pipe := io.Pipe()
	in := &Incoming{job: j, pipe: pipe, done: make(chan error, 1)}
	go func() { in.done <- in.extract(ctx, out) }()
	return in, nil
}

// extract runs beside the writer, and fails its writes when it has failed.
func (in *Incoming) extract(ctx context.Context, out *io.PipeReader) error {
	ahead := compression.NewReadAhead(out)
	err := apply(ctx, ahead, in.job.upper, in.job.lower, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, ahead) // what pads the tar
	}
	if err != nil {
		err = &Error{Err: err}
	}
	out.CloseWithError(err)
	ahead.Close()
	return err
}

// Write takes a part of the tar. The error of an extraction that has failed is an Error.
func (in *Incoming) Write(p []byte) (int, error) { return in.pipe.Write(p) }

// End makes the layer a snapshot on its parent when all of it is written. It is not on stable storage yet.
func (in *Incoming) End(ctx context.Context, name, parent string) error {
	in.pipe.Close()
	err := <-in.done
	if err == nil {
		in.job.Name, in.job.parent = name, parent
		err = in.job.commit(ctx)
	}
	if err != nil {
		in.job.drop(ctx)
	}
	return err
}

// Abort gives back what a layer takes that nobody wants any more.
func (in *Incoming) Abort(ctx context.Context) {
	in.pipe.CloseWithError(context.Canceled)
	<-in.done
	in.job.drop(ctx)
}
