package container

import (
	"context"
	"strconv"

	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/event"
)

// Resize sets the size of a running container's terminal, in characters. Without a terminal
// nothing happens.
func (s Streams) Resize(_ context.Context, ref string, height, width uint) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	l := e.live.Load()
	if l == nil {
		return record.Idle(e.snapshot())
	}
	if err := stdio.SetSize(l.Pty, height, width); err != nil {
		return err
	}
	s.tells.Of(e.snapshot(), event.Resize, "height", strconv.FormatUint(uint64(height), 10), "width", strconv.FormatUint(uint64(width), 10))
	return nil
}
