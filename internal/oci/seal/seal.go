//go:build linux

// Package seal keeps containers from writing to the runtime's binary.
//
// The first process of a container is a copy of the runtime until it executes
// its program, and that may be "/proc/self/exe" or a script that names it;
// then processes of the container get at the binary (CVE-2019-5736). Where
// its children cannot have a blank executable instead (launch.NewBlankAsm), a
// command that starts processes executes itself once more, by way of a
// read-only mount that nobody else sees: the kernel lets nobody write through
// that, not even when the runtime has ended.
package seal

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

const self = "/proc/self/exe"

// Needless tells whether nobody can write to this program's binary: it is read-only,
// or an ordinary user runs it, who may not write to it anyway or owns it
// and everything else that his containers get at.
func Needless() bool {
	var fs unix.Statfs_t
	return os.Geteuid() != 0 || unix.Statfs(self, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0 || isMemory()
}

// Self executes this program again, read-only, unless that is needless.
func Self() error {
	if Needless() {
		return nil
	}
	if err := throughMount(); err == nil {
		return nil // not reached
	}
	// Before Linux 5.12, or where the binary is in no mount of ours.
	err := throughMemory()
	return fault.Wrap(fault.Internal, err, "The runtime's binary cannot be protected from containers")
}

// throughMount executes the binary in a read-only clone of the mount that it is
// in. It is the directory that is cloned, so that the process keeps its name.
func throughMount() error {
	real, err := os.Readlink(self)
	if err != nil {
		return err
	}
	dir, name := filepath.Split(real)
	fd, err := unix.OpenTree(unix.AT_FDCWD, filepath.Clean(dir), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	there := "/proc/self/fd/" + strconv.Itoa(fd) + "/" + name
	var wanted, found unix.Stat_t
	if unix.Stat(self, &wanted) != nil || unix.Stat(there, &found) != nil || wanted.Ino != found.Ino || wanted.Dev != found.Dev {
		return unix.ENOENT // it has been replaced, or is a mount of its own
	}
	return syscall.Exec(there, os.Args, os.Environ())
}

const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// throughMemory executes a copy of the binary that cannot be written to.
func throughMemory() error {
	from, err := os.Open(self)
	if err != nil {
		return err
	}
	defer from.Close()
	fd, err := unix.MemfdCreate("berth-runtime", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(fd), "berth-runtime")
	defer to.Close()
	if _, err = io.Copy(to, from); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		return err
	}
	return syscall.Exec("/proc/self/fd/"+strconv.Itoa(fd), os.Args, os.Environ())
}

// isMemory tells whether this program is such a copy.
func isMemory() bool {
	f, err := os.Open(self)
	if err != nil {
		return false
	}
	defer f.Close()
	have, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	return err == nil && have&seals == seals
}
