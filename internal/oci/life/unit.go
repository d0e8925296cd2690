//go:build linux

package life

import (
	"context"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/cgroup/systemd"
	"berth/internal/program"
)

// makeUnit has systemd make a unit for the container, and returns its control group.
func (j *job) makeUnit(h cgroup.Hierarchy, limits *specs.LinuxResources) (group string, err error) {
	if os.Geteuid() != 0 {
		return "", fault.New(fault.Unsupported, "The systemd cgroup driver is for root; an ordinary user's containers need the cgroupfs driver.")
	}
	u, err := systemd.Parse(j.spec.Linux.CgroupsPath, j.rec.ID)
	if err != nil {
		return "", err
	}
	properties, err := j.properties(h, limits)
	if err != nil {
		return "", err
	}
	// A scope is made around a process, and the container's is to be born in it.
	pid, end, err := j.r.starter.placeholder()
	if err != nil {
		return "", err
	}
	j.holdsPlace = end
	if err := systemd.System().Start(context.Background(), u, pid, properties); err != nil {
		return "", err
	}
	j.onFailure(func() { _ = endUnit(u.Group()) }) // again, if its group has been made
	return u.Group(), nil
}

// properties are what systemd is told of the container.
func (j *job) properties(h cgroup.Hierarchy, limits *specs.LinuxResources) ([]systemd.Property, error) {
	values, err := h.Values(limits)
	if err != nil {
		return nil, err
	}
	list := []systemd.Property{{Name: "Description", Value: "berth container " + j.rec.ID}}
	for _, more := range []func() ([]systemd.Property, error){
		func() ([]systemd.Property, error) { return systemd.Properties(values) },
		func() ([]systemd.Property, error) { return systemd.Devices(h, limits) },
		func() ([]systemd.Property, error) { return systemd.Annotated(j.spec) },
	} {
		properties, err := more()
		if err != nil {
			return nil, err
		}
		list = append(list, properties...)
	}
	return list, nil
}

// leavePlace ends the process that a unit was made around.
func (j *job) leavePlace() {
	if j.holdsPlace != nil {
		j.holdsPlace()
		j.holdsPlace = nil
	}
}

// endUnit forgets a unit whose processes have ended.
func endUnit(group string) error {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	return systemd.System().Stop(ctx, systemd.Of(group))
}

// placeholder starts a process that waits until end, or this command's end.
func (x *starter) placeholder() (pid int, end func(), err error) {
	asm, err := x.executor()
	if err != nil {
		return 0, nil, err
	}
	p := program.New()
	p.Add(program.Step{Name: "wait", Why: "a unit is made around somebody", Call: unix.SYS_GETPID})
	code, err := p.Encode()
	if err != nil {
		return 0, nil, fault.Wrap(fault.Internal, err, "The placeholder's program cannot be encoded")
	}
	waits, child, err := asm.Park(code, nil)
	if err != nil {
		return 0, nil, fault.Wrap(fault.Internal, err, "The placeholder cannot be started")
	}
	return child.Pid, func() {
		waits.Discard()
		unix.Close(child.PidFd)
		reap(child.Pid)
	}, nil
}
