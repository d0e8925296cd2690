package files

import (
	"context"

	"berth/internal/archive"
)

// Changes is what a container has changed of its image's files, by path. It reads the
// container's own layer where it lies and takes no lock: a running container is not disturbed.
func (s *Service) Changes(ctx context.Context, ref string) ([]archive.Change, error) {
	e, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	layer, release, err := s.host.Storage().Layer(ctx, e.Snapshot())
	if err != nil {
		return nil, gone(err, e.Snapshot().ID)
	}
	defer release()
	list, err := layer.Changes(ctx)
	return list, gone(err, e.Snapshot().ID)
}
