//go:build linux

package mount

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Mapped is the tree at a path, detached, with its owners mapped: with all mounts in it
// when all is set, of which only the first is mapped unless deep is set too.
func Mapped(source string, uids, gids []specs.LinuxIDMapping, all, deep bool) (*os.File, error) {
	flags, attrFlags := uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC), uint(0)
	if all {
		flags |= unix.AT_RECURSIVE
	}
	if deep {
		attrFlags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, flags)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The mount's source %s cannot be taken", source)
	}
	tree := os.NewFile(uintptr(fd), source)
	users, err := userNS(uids, gids)
	if err == nil {
		defer users.Close()
		err = setAttributes(fd, attrFlags, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users.Fd())})
	}
	if err != nil {
		tree.Close()
		return nil, unmappable(source, err, all && deep)
	}
	return tree, nil
}

// unmappable says in words what the kernel says by a number.
func unmappable(source string, err error, deep bool) error {
	var errno syscall.Errno
	_ = errors.As(err, &errno)
	switch {
	case errno == unix.EINVAL && deep:
		return fault.Wrap(fault.Unsupported, err, "The owners of %s cannot be mapped: its file system, or that of something mounted below it, does not support ID-mapped mounts", source)
	case errno == unix.EINVAL:
		return fault.Wrap(fault.Unsupported, err, "The owners of %s cannot be mapped: its file system does not support ID-mapped mounts", source)
	case errno == unix.EPERM:
		return fault.Wrap(fault.Unsupported, err, "The owners of %s cannot be mapped: they are already, or its file system belongs to another user namespace", source)
	}
	return fault.Wrap(fault.Unsupported, err, "The owners of %s cannot be mapped", source)
}

// userNS makes a user namespace with mappings. It takes a process to make one:
// this program again, which is stopped at its very beginning and never runs.
func userNS(uids, gids []specs.LinuxIDMapping) (*os.File, error) {
	runtime.LockOSThread() // only the tracing thread may end the stop
	defer runtime.UnlockOSThread()
	p, err := os.StartProcess("/proc/self/exe", []string{"user namespace"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, UidMappings: mappings(uids), GidMappings: mappings(gids), GidMappingsEnableSetgroups: true,
		Ptrace: true, Pdeathsig: unix.SIGKILL,
	}})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = p.Kill() // it is stopped and can be nowhere else
		_, _ = p.Wait()
	}()
	return os.Open("/proc/" + strconv.Itoa(p.Pid) + "/ns/user")
}

func mappings(list []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	var out []syscall.SysProcIDMap
	for _, m := range list {
		out = append(out, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return out
}
