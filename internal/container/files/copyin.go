package files

import (
	"context"
	"io"

	"berth/internal/archive"
	"berth/internal/archive/compression"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/linux/mount"
	"berth/internal/linux/user"
)

// CopyInOptions change how an archive is taken into a container.
type CopyInOptions struct {
	NoOverwriteDirNonDir bool // a directory is never replaced by another thing, nor the other way round
	CopyUIDGID           bool // all becomes the container's user's, if it has one
}

// CopyIn writes a tar stream, packed or not, into a directory of a container.
// A client that goes away leaves no half file: see archive.Unpack.
func (s *Service) CopyIn(ctx context.Context, ref, name string, r io.Reader, opts CopyInOptions) error {
	e, err := s.find(ref)
	if err != nil {
		return err
	}
	ctx, v, release, err := s.look(ctx, e, true)
	if err != nil {
		return err
	}
	defer release()
	failpoint.At("copyin.looked")
	dir, err := archive.Destination(v.Root, name)
	if err != nil {
		return noFile(err, ref, name)
	}
	if err := writable(v, dir); err != nil {
		return noFile(err, ref, name)
	}
	to := archive.UnpackOptions{NoOverwriteDirNonDir: opts.NoOverwriteDirNonDir}
	if c := e.Snapshot(); opts.CopyUIDGID && c.Config.User != "" {
		who, err := user.Lookup(v.Root, c.Config.User, nil)
		if err != nil {
			return err
		}
		to.Owner = &archive.Owner{UID: int(who.UID), GID: int(who.GID)}
	}
	err = receive(ctx, r, func(in io.Reader) error {
		z, _, err := compression.Decompress(in)
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "the archive cannot be read")
		}
		defer z.Close()
		return archive.Unpack(ctx, v.Root, dir, z, to)
	})
	if err == nil {
		failpoint.At("copyin.written")
		s.tell(e.Snapshot(), event.ExtractToDir)
	}
	return err
}

// writable refuses in Docker's words what is read-only.
func writable(v *mount.View, dir string) error {
	readOnly, bound, err := v.ReadOnly(dir)
	switch {
	case err != nil || !readOnly:
		return err
	case bound:
		return fault.New(fault.Invalid, "mounted volume is marked read-only")
	}
	return fault.New(fault.Invalid, "container rootfs is marked read-only")
}

// receive hands what r has to consume, and ends when ctx does even if nothing more comes.
func receive(ctx context.Context, r io.Reader, consume func(io.Reader) error) error {
	in, pipe := io.Pipe()
	stop := context.AfterFunc(ctx, func() { pipe.CloseWithError(fault.As(fault.Cancelled, context.Cause(ctx))) })
	defer stop()
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{pipe}, struct{ io.Reader }{r}, make([]byte, 128<<10))
		pipe.CloseWithError(err)
	}()
	err := consume(in)
	in.CloseWithError(io.ErrClosedPipe)
	return err
}
