package provision

import (
	"context"
	"os"

	"berth/internal/container/record"
	"berth/internal/fault"
)

// MakeDir makes a container's directory, with its layer, and its volumes. What fails is unmade by undo.
func (h Storage) MakeDir(ctx context.Context, c *record.Container, undo *Undo) error {
	dir := h.deps.Paths.Dir(c.ID)
	undo.Add(func() { os.RemoveAll(dir) })
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{dir, 0o710}, {dir + "/layer", 0o710}, {dir + "/layer/upper", 0o755}, {dir + "/layer/work", 0o711}} {
		if err := os.Mkdir(d.path, d.mode); err != nil {
			return fault.Wrap(fault.Internal, err, "the container's directory cannot be made")
		}
	}
	c.HostsPath, c.HostnamePath, c.ResolvConfPath = dir+"/hosts", dir+"/hostname", dir+"/resolv.conf"
	return h.MakeVolumes(ctx, c, undo)
}
