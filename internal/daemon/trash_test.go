package daemon

import (
	"context"
	"testing"
	"time"

	"berth/internal/event"
	"berth/internal/volume"
)

func TestTheTrashGivesWayWhenTheDiskIsNearlyFullAndNotBefore(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		total, free int64
		short       bool
	}{
		{50 * gib, 6 * gib, false}, {50 * gib, 4 * gib, true}, {4000 * gib, 11 * gib, false}, {4000 * gib, 9 * gib, true},
	} {
		if got := lacking(c.total, c.free); got > 0 != c.short {
			t.Errorf("%d of %d: %d", c.free, c.total, got)
		}
	}
}

func TestWhatWasInTheTrashForLongEnoughIsDeleted(t *testing.T) {
	s, err := volume.Open(t.TempDir() + "/volumes")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var told []string
	bin := trash{volumes{Service: s, keep: time.Hour, publish: func(m event.Message) { told = append(told, m.Action+" "+m.ID) }}}
	for _, name := range []string{"one", "two"} {
		if _, err := bin.Create(volume.Request{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := bin.Delete("one", volume.Removal{}); err != nil {
		t.Fatal(err)
	}
	if err := bin.Delete("two", volume.Removal{Purge: true}); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		list, err := bin.Trashed(context.Background(), true)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := left(); n != 1 {
		t.Fatal(n)
	}
	if err := bin.tend(context.Background(), time.Now().Add(2*time.Hour), t.TempDir()); err != nil || left() != 0 {
		t.Error(err, left())
	}
	if last := told[len(told)-1]; last != "purge one" {
		t.Error(told)
	}
}
