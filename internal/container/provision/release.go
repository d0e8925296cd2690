package provision

import (
	"context"
	"time"

	"berth/internal/container/record"
	"berth/internal/failpoint"
)

// releaseTime bounds the giving back of what a run held.
const releaseTime = 2 * time.Minute

// Release gives back what a run held: addresses, ports, control group, descriptors.
func (h *Host) Release(c record.Container, endpoints []record.Endpoint, run Holdings) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	for _, e := range endpoints {
		if !e.Address.IsValid() {
			continue
		}
		if err := h.deps.Networks.Disconnect(ctx, e); err != nil {
			h.deps.Warn("container %s: %v", c.ID, err)
		}
	}
	failpoint.At("release.disconnected")
	h.Others().Forget(c)
	if run.Group != nil {
		if err := run.Group.Remove(ctx); err != nil {
			h.deps.Warn("container %s: %v", c.ID, err)
		}
	}
	failpoint.At("release.group-removed")
	closeAll(run.Pidfd)
	h.Storage().unmountVolumes(c, c.ID)
	if run.Rootfs != nil {
		// The last reference unmounts, and unmounting syncs: nobody waits for it.
		h.Later(func() { run.Rootfs.Close() })
	}
}
