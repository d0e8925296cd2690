//go:build linux

// Package tree makes detached mounts that only the host can make: a bind whose
// owners are mapped, and a tmpfs that begins as a copy of what it covers.
package tree

import (
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Mapped is the tree at a path with its owners mapped: with all mounts in it
// when all is set, of which only the first is mapped unless deep is set too.
func Mapped(source string, uids, gids []specs.LinuxIDMapping, all, deep bool) (*os.File, error) {
	flags, attrFlags := uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC), uint(unix.AT_EMPTY_PATH)
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
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users.Fd())}
		err = unix.MountSetattr(fd, "", attrFlags, &attr)
	}
	if err != nil {
		tree.Close()
		return nil, fault.Wrap(fault.Unsupported, err, "The owners of %s cannot be mapped", source)
	}
	return tree, nil
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
