package files

import (
	"context"
	"io"

	"berth/internal/archive"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/fault"
)

// Export writes a container's whole file system as a tar stream to what begin returns.
// Volumes are not in it: their places are empty.
func (s *Service) Export(ctx context.Context, ref string, begin func() io.Writer) error {
	e, err := s.find(ref)
	if err != nil {
		return err
	}
	switch e.Snapshot().State {
	case record.Dead:
		return fault.New(fault.Conflict, "You cannot export container %s which is Dead", e.Snapshot().ID)
	case record.Removing:
		return fault.New(fault.Conflict, "You cannot export container %s which is being removed", e.Snapshot().ID)
	}
	ctx, v, release, err := s.look(ctx, e, false)
	if err != nil {
		return err
	}
	s.tell(e.Snapshot(), event.Export)
	return pour(ctx, begin(), func(w io.Writer) error { return archive.Export(ctx, v.Bare, w) }, release)
}
