package container

import (
	"context"
	"strings"

	"berth/internal/container/index"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
)

// Rename gives a container another name, be it running. A crash leaves it with
// one of the two: the name is in its record, and nowhere else on the disk.
func (s Changes) Rename(ctx context.Context, ref, name string) error {
	name = strings.TrimPrefix(name, "/")
	if ref == "" || name == "" {
		return fault.New(fault.Invalid, "Neither old nor new names may be empty")
	}
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	c := e.snapshot()
	before := c.Name
	switch {
	case c.State == Removed:
		return fault.New(fault.NotFound, "No such container: %s", ref)
	case name == before:
		return fault.New(fault.Invalid, "Renaming a container with the same name as its current name")
	}
	if err = index.CheckName("/" + name); err == nil {
		err = s.index.Reserve(name, e.id)
	}
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "Error when allocating new name")
	}
	c.Name = name
	if err := s.deps.Store.Commit(put(c)); err != nil {
		s.index.Release(name, e.id)
		return fault.Wrap(fault.Internal, err, "the new name cannot be recorded")
	}
	failpoint.At("rename.recorded")
	c = e.change(func(c *Container) { c.Name = name })
	s.index.Release(before, e.id)
	failpoint.At("rename.shown")
	s.tells.Of(c, event.Rename, "oldName", "/"+before)
	return nil
}
