package container

import (
	"context"
	"testing"

	"berth/internal/fault"
)

func TestASecondRemovalIsToldAtOnceThatTheFirstIsInProgress(t *testing.T) {
	e, ctx := newEngine(t), context.Background()
	id := e.create("true")
	held, err := e.Service.index.Find(id)
	e.must(err)
	e.must(held.lock(ctx))
	_, err = held.step(RemoveBegan, nil)
	e.must(err)
	err = e.Remove(ctx, id[:12], RemoveOptions{})
	if want := "removal of container " + id[:12] + " is already in progress"; !fault.Is(err, fault.Conflict) || err.Error() != want {
		t.Errorf("it is told %v", err)
	}
	_, err = held.step(RemoveFailed, nil)
	e.must(err)
	held.unlock()
	e.must(e.Remove(ctx, id, RemoveOptions{}))
}
