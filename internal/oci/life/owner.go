//go:build linux

package life

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// hostID is who a container's user or group is on the host.
func hostID(list []specs.LinuxIDMapping, id uint32) uint32 {
	for _, m := range list {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return m.HostID + (id - m.ContainerID)
		}
	}
	return id
}

// giveImages lets criu's processes find the images in a directory that was made for them
// and is closed to everybody else. In a user namespace they are our own user without
// privileges first, then the container's root.
func giveImages(dir string, l *specs.Linux) error {
	if len(l.UIDMappings) == 0 {
		return nil
	}
	err := os.Chown(dir, int(hostID(l.UIDMappings, 0)), os.Getegid())
	if err == nil {
		err = os.Chmod(dir, 0o710)
	}
	return fault.Wrap(fault.Internal, err, "The directory of the checkpoint cannot be given to the container's root")
}
