package provision

import (
	"os"

	"berth/internal/container/pid1"
	"berth/internal/container/record"
	"berth/internal/fault"
)

// writeInit writes the init of a container that wants one into its own directory
// and returns where it lies, "" without: whoever gets to write to it inside, in
// spite of the read-only mount, changes nobody else's. As in Docker there is none in a
// pid namespace that is not the container's own.
func (h *Host) writeInit(c record.Container) (string, error) {
	wanted := h.deps.Init
	if c.HostConfig.Init != nil {
		wanted = *c.HostConfig.Init
	}
	if !wanted || c.HostConfig.PidMode != "" && c.HostConfig.PidMode != "private" {
		return "", nil
	}
	path := h.deps.Paths.Dir(c.ID) + "/docker-init"
	fresh := path + ".new" // an earlier run may still be ending
	err := os.WriteFile(fresh, pid1.Program(), 0o755)
	if err == nil {
		err = os.Chmod(fresh, 0o755) // whatever the umask is
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	return path, fault.Wrap(fault.Internal, err, "the container's init cannot be written")
}
