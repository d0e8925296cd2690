package container

import (
	"context"

	"berth/internal/container/files"
	"berth/internal/container/provision"
)

// Files is what goes in and out of the file systems of a daemon's containers.
func Files(s *Service) *files.Service {
	return files.New(s.host, s.deps.Deps, s.deps.Commits, func(ref string) (files.Container, error) { return s.show(ref) })
}

// shown is a container as the rooms see it that need more than its snapshot.
type shown struct {
	e *entry
	s *Service
}

func (s *Service) show(ref string) (shown, error) {
	e, err := s.index.Find(ref)
	return shown{e, s}, err
}

func (c shown) Snapshot() Container            { return c.e.snapshot() }
func (c shown) Lock(ctx context.Context) error { return c.e.lock(ctx) }
func (c shown) Unlock()                        { c.e.unlock() }
func (c shown) Views() *files.Views            { return &c.e.views }

func (c shown) Running() (*provision.Holdings, <-chan struct{}) {
	l := c.e.live.Load()
	if l == nil {
		return nil, nil
	}
	return &l.Holdings, l.down
}

func (c shown) Removed(ctx context.Context) <-chan WaitResult { return c.e.await(ctx, WaitRemoved) }

func (c shown) Pause(ctx context.Context) error   { return c.s.Changes().Pause(ctx, c.e.id) }
func (c shown) Unpause(ctx context.Context) error { return c.s.Changes().Unpause(ctx, c.e.id) }
