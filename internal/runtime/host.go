//go:build linux

package runtime

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// The functions in this file look at the host; nothing else here does.

// ThermalThrottle lists the CPUs' thermal_throttle directories, which tell
// containers about each other's work and are masked.
func ThermalThrottle() []string {
	paths, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle") // the pattern is right
	return paths
}

// AvailableCapabilities lists all capabilities that this process may hand on:
// those of a privileged container.
func AvailableCapabilities() []string {
	return slices.DeleteFunc(capNames(), func(name string) bool {
		n, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(slices.Index(capNames(), name)), 0, 0, 0)
		return err != nil || n != 1
	})
}

// HostDevices lists the host's device nodes below /dev for a privileged
// container, without those that belong to terminals and file systems of the
// host's own.
func HostDevices() ([]specs.LinuxDevice, error) { return DevicesIn("/dev") }

// DevicesIn lists the host's device nodes below a directory, as HostDevices does.
func DevicesIn(dir string) ([]specs.LinuxDevice, error) {
	skip := []string{"/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/.lxc", "/dev/.lxd-mounts", "/dev/.udev"}
	var list []specs.LinuxDevice
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if p == dir {
				return err
			}
			return nil // it has just gone, or is nobody's business
		case d.IsDir() && slices.Contains(skip, p):
			return filepath.SkipDir
		case d.Type()&fs.ModeDevice == 0 || p == "/dev/console":
			return nil
		}
		if dev, err := Device(p, p); err == nil {
			list = append(list, dev)
		}
		return nil
	})
	return list, fault.Wrap(fault.Internal, err, "The host's devices cannot be listed")
}

// Device describes the host's device node at a path as one at another path in
// the container. It is NotFound when there is no device.
func Device(host, container string) (specs.LinuxDevice, error) {
	var st unix.Stat_t
	err := unix.Stat(host, &st)
	if !filepath.IsAbs(host) {
		err = unix.ENOENT // whatever the daemon's working directory has
	}
	if err != nil {
		return specs.LinuxDevice{}, fault.Wrap(fault.NotFound, err, "error gathering device information while adding custom device %q", host)
	}
	kind := map[uint32]string{unix.S_IFCHR: "c", unix.S_IFBLK: "b"}[st.Mode&unix.S_IFMT]
	if kind == "" {
		return specs.LinuxDevice{}, fault.New(fault.NotFound, "error gathering device information while adding custom device %q: not a device node", host)
	}
	mode, uid, gid := os.FileMode(st.Mode&0o777), st.Uid, st.Gid
	return specs.LinuxDevice{
		Path: container, Type: kind, FileMode: &mode, UID: &uid, GID: &gid,
		Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)),
	}, nil
}

// HostModules looks which security modules the host's kernel runs.
func HostModules() Modules {
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	_, policy := os.Stat("/sys/fs/selinux/enforce")
	return Modules{AppArmor: len(enabled) > 0 && enabled[0] == 'Y', SELinux: policy == nil}
}
