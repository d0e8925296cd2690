package record

import "berth/internal/fault"

// Idle is why a verb that needs a running container cannot have this one.
func Idle(c Container) error {
	if c.State == Restarting {
		return fault.New(fault.Conflict, "Container %s is restarting, wait until the container is running", c.ID)
	}
	return NotRunning(c.ID)
}

// NotRunning is the answer to a verb that needs a running container.
func NotRunning(id string) error {
	return fault.New(fault.Conflict, "container %s is not running", id)
}

// NoGroup is the answer where a running container's control group has been taken away.
func NoGroup(id string) error {
	return fault.New(fault.Internal, "the control group of container %s cannot be found", id)
}
