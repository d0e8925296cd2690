package provision

import (
	"context"
	"os"

	"berth/internal/container/record"
	"berth/internal/container/rootfs"
	"berth/internal/fault"
	"berth/internal/space"
)

// MakeDir makes a container's directory, with its layer, and its volumes. What fails is unmade by undo.
func (h Storage) MakeDir(ctx context.Context, c *record.Container, undo *Undo) error {
	dir := h.deps.Paths.Dir(c.ID)
	size, err := c.HostConfig.LayerSize(h.deps.LayerSize)
	if err != nil {
		return err
	}
	undo.Add(func() { unmake(dir) })
	if err := os.Mkdir(dir, 0o710); err != nil {
		return fault.Wrap(fault.Internal, err, "the container's directory cannot be made")
	}
	if err := rootfs.Make(dir+"/layer", size); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the container's directory cannot be made")
	}
	c.HostsPath, c.HostnamePath, c.ResolvConfPath = dir+"/hosts", dir+"/hostname", dir+"/resolv.conf"
	return h.MakeVolumes(ctx, c, undo)
}

// unmake deletes a container's directory, and the quota of its layer.
func unmake(dir string) error {
	if err := space.Remove(dir + "/layer"); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
