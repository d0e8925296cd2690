//go:build linux

package runtime

import (
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// DefaultShmSize is the size of /dev/shm in bytes when nobody asks for another.
const DefaultShmSize = 64 << 20

// Sandbox says which of Docker's default sandboxes a container gets.
type Sandbox struct {
	Privileged    bool
	ReadonlyRoot  bool
	HostCgroupNS  bool  // Docker's default on cgroup v1, and for privileged containers there
	HostNetwork   bool  // no network namespace at all
	HostPid       bool  // no pid namespace
	HostIPC       bool  // no IPC namespace; the caller binds the host's /dev/shm, and a new /dev/mqueue shows the host's queues
	HostUTS       bool  // no UTS namespace
	NoShm         bool  // --ipc=none, or the caller binds another container's
	ShmSize       int64 // bytes; 0 for DefaultShmSize
	Capabilities  []string
	ThermalPaths  []string // existing /sys/devices/system/cpu/cpuN/thermal_throttle, see ThermalThrottle
	DeviceCgroups []specs.LinuxDeviceCgroup
}

// DefaultSpec is Docker's default sandbox as data (profiles of moby's daemon/pkg/oci/defaults.go):
// namespaces, mounts, capabilities, masks and device rules. The caller
// adds command, user, host name, devices, user mounts, limits and seccomp.
// Capabilities empty means Docker's default list, or for a privileged
// container all that the caller finds with AvailableCapabilities.
func DefaultSpec(o Sandbox) *specs.Spec {
	caps := o.Capabilities
	if caps == nil {
		caps = DefaultCapabilities()
	}
	spec := &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Readonly: o.ReadonlyRoot},
		Mounts:  DefaultMounts(o),
		Process: &specs.Process{
			Cwd:          "/",
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		},
		Linux: &specs.Linux{
			Namespaces: defaultNamespaces(o),
			Resources:  &specs.LinuxResources{Devices: append(DefaultDeviceRules(o.Privileged), o.DeviceCgroups...)},
		},
	}
	if !o.Privileged {
		spec.Linux.MaskedPaths = append(DefaultMaskedPaths(), o.ThermalPaths...)
		spec.Linux.ReadonlyPaths = DefaultReadonlyPaths()
	}
	return spec
}

func defaultNamespaces(o Sandbox) []specs.LinuxNamespace {
	var list []specs.LinuxNamespace
	for _, ns := range []struct {
		kind specs.LinuxNamespaceType
		host bool
	}{
		{specs.MountNamespace, false}, {specs.NetworkNamespace, o.HostNetwork}, {specs.UTSNamespace, o.HostUTS},
		{specs.PIDNamespace, o.HostPid}, {specs.IPCNamespace, o.HostIPC}, {specs.CgroupNamespace, o.HostCgroupNS},
	} {
		if !ns.host {
			list = append(list, specs.LinuxNamespace{Type: ns.kind})
		}
	}
	return list
}

// DefaultMounts are the mounts of every container, in their order.
func DefaultMounts(o Sandbox) []specs.Mount {
	shm := o.ShmSize
	if shm == 0 {
		shm = DefaultShmSize
	}
	mount := func(dest, kind, source string, options ...string) specs.Mount {
		return specs.Mount{Destination: dest, Type: kind, Source: source, Options: options}
	}
	mounts := []specs.Mount{
		mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
		mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
		mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev"),
		mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
	}
	if !o.NoShm && !o.HostIPC {
		mounts = append(mounts, mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size="+strconv.FormatInt(shm, 10)))
	}
	for i, m := range mounts {
		if o.Privileged && !o.ReadonlyRoot {
			mounts[i].Options = slices.DeleteFunc(m.Options, func(s string) bool { return s == "ro" })
		}
	}
	return mounts
}

// DefaultCapabilities are Docker's 14.
func DefaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
		"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
}

// DefaultMaskedPaths are what a container may not read.
func DefaultMaskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
		"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
	}
}

// DefaultReadonlyPaths are what a container may not write.
func DefaultReadonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// DefaultDeviceRules are the device rules of a container, Docker's and those
// that runc always adds: nothing but mknod, and use of the harmless devices.
func DefaultDeviceRules(privileged bool) []specs.LinuxDeviceCgroup {
	if privileged {
		return []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	}
	rule := func(allow bool, kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
		r := specs.LinuxDeviceCgroup{Allow: allow, Type: kind, Access: access}
		if major >= 0 {
			r.Major = &major
		}
		if minor >= 0 {
			r.Minor = &minor
		}
		return r
	}
	return []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		rule(true, "c", -1, -1, "m"), rule(true, "b", -1, -1, "m"),
		rule(true, "c", 1, 3, "rwm"), rule(true, "c", 1, 5, "rwm"), rule(true, "c", 1, 7, "rwm"), rule(true, "c", 1, 8, "rwm"), rule(true, "c", 1, 9, "rwm"),
		rule(true, "c", 5, 0, "rwm"), rule(true, "c", 5, 1, "rwm"), rule(true, "c", 5, 2, "rwm"), rule(true, "c", 136, -1, "rwm"),
		rule(false, "c", 10, 229, "rwm"),
	}
}
