package files

import (
	"context"
	"io"

	"berth/internal/archive"
	"berth/internal/event"
)

// CopyOut writes a path of a container as a tar stream, to what begin returns: it is
// called with what the path is once there is something to write, so that an error from before can still be
// an answer.
func (s *Service) CopyOut(ctx context.Context, ref, name string, begin func(archive.Stat) (io.Writer, error)) error {
	e, err := s.find(ref)
	if err != nil {
		return err
	}
	ctx, v, release, err := s.look(ctx, e, true)
	if err != nil {
		return err
	}
	r, st, err := locate(v, ref, name)
	if err != nil {
		release()
		return err
	}
	to, err := begin(st)
	if err != nil {
		r.Close()
		release()
		return err
	}
	s.tell(e.Snapshot(), event.ArchivePath)
	return pour(ctx, to, func(w io.Writer) error {
		defer r.Close()
		return r.Pack(archive.NewPacker(ctx, w))
	}, release)
}
