package container

import (
	"context"
	"testing"

	"berth/internal/container/config"
	"berth/internal/container/usage"
)

// TestNoReaderWaitsForAVerb has a verb that never ends: a reader that waited for it would
// not come back.
func TestNoReaderWaitsForAVerb(t *testing.T) {
	s := New(Deps{})
	for _, c := range []Container{
		{ID: "aaaa", Name: "stuck", State: Starting, HostConfig: config.HostConfig{NetworkMode: "bridge"}},
		{ID: "bbbb", Name: "other", State: Running},
	} {
		e := newEntry(c)
		s.index.Add(e)
		if err := e.lock(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.index.Reserve("stuck", "aaaa"); err != nil {
		t.Fatal(err)
	}
	if list := s.List(); len(list) != 2 {
		t.Errorf("%d containers are listed", len(list))
	}
	if c, err := s.Get("stuck"); err != nil || c.State != Starting {
		t.Errorf("inspect: %+v, %v", c, err)
	}
	if _, err := s.Execs().ExecInspect("none"); err == nil {
		t.Error("there is no such exec")
	}
	if _, err := s.Usage().Top(t.Context(), "stuck", ""); err == nil {
		t.Error("top of one that is being started is not refused")
	}
	var told []usage.Stats
	tell := func(st usage.Stats) error { told = append(told, st); return nil }
	for _, o := range []usage.StatsOptions{{}, {OneShot: true}} {
		if err := s.Usage().Stats(t.Context(), "stuck", o, tell); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Usage().Stats(ctx, "stuck", usage.StatsOptions{Stream: true}, func(st usage.Stats) error { cancel(); return tell(st) }); err != nil {
		t.Error(err)
	}
	if len(told) != 3 || told[0].Now.Ran() || told[0].Name != "stuck" || told[2].Before.Ran() {
		t.Errorf("%+v", told)
	}
	if n := s.usage.Watched(); n != 0 {
		t.Errorf("%d are still measured", n)
	}
	if err := s.Changes().Update(ctx, "stuck", config.Update{}); err == nil {
		t.Error("a verb does wait, and gives up with its client")
	}
}
