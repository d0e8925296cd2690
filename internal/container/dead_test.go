package container

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Behaviour 114 of Docker: a removal failure leaves state "dead"; rm again may work.
func TestARemovalThatFailsLeavesADeadContainerThatCanBeRemovedAgain(t *testing.T) {
	e, ctx := newEngine(t), context.Background()
	id := e.create("true")
	dir := e.Service.deps.Paths.Dir(id)
	e.must(unix.Mount("tmpfs", dir, "tmpfs", 0, "")) // what is mounted on cannot be removed
	mounted := true
	t.Cleanup(func() {
		if mounted {
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
	})
	if err := e.Remove(ctx, id, RemoveOptions{}); !fault.Is(err, fault.Internal) {
		t.Fatalf("the removal said %v", err)
	}
	if c, err := e.Get(id); err != nil || c.State != Dead {
		t.Fatalf("it is %s, %v", c.State, err)
	}
	if err := e.Start(ctx, id); !fault.Is(err, fault.Conflict) {
		t.Errorf("a dead one's start said %v", err)
	}
	e.must(unix.Unmount(dir, 0))
	mounted = false
	e.must(e.Remove(ctx, id, RemoveOptions{}))
	if _, err := e.Get(id); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is still there: %v", err)
	}
}
