//go:build linux

// Package console makes terminals for containers.
package console

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// New makes a devpts file system of the container's own, as a detached mount,
// and its first terminal (number 0). The caller closes all three; the mount
// can be handed to the container's process, which moves it to /dev/pts. The
// master is non-blocking, so that reads end when it is closed.
func New() (master, devpts, slave *os.File, err error) {
	devpts, err = newDevpts()
	if err != nil {
		return nil, nil, nil, fault.Wrap(fault.Internal, err, "A terminal cannot be made")
	}
	if master, slave, err = pair(int(devpts.Fd()), "ptmx"); err != nil {
		devpts.Close()
		return nil, nil, nil, fault.Wrap(fault.Internal, err, "A terminal cannot be made")
	}
	return master, devpts, slave, nil
}

// OpenIn makes a further terminal in the devpts of a running container, whose
// root is given (/proc/<pid>/root, O_PATH). What the container has in that
// place is not trusted: anything but a devpts multiplexer is refused.
func OpenIn(root *os.File) (master, slave *os.File, err error) {
	// It is looked at before it is opened, which could have effects or block.
	link, err := mount.OpenIn(root, "/dev/pts/ptmx", unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, nil, fault.Wrap(fault.KindOf(err), err, "The container has no terminals")
	}
	defer link.Close()
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err = unix.Fstat(int(link.Fd()), &st); err == nil {
		err = unix.Fstatfs(int(link.Fd()), &fs)
	}
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(5, 2) || fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return nil, nil, fault.New(fault.Conflict, "The container's /dev/pts/ptmx makes no terminals.")
	}
	master, slave, err = pair(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(int(link.Fd())))
	return master, slave, fault.Wrap(fault.Internal, err, "A terminal cannot be made")
}

// SetSize tells a terminal, by its master or slave, its size in characters.
func SetSize(tty *os.File, height, width uint16) error {
	conn, err := tty.SyscallConn()
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	var ioctlErr error
	err = conn.Control(func(fd uintptr) {
		ioctlErr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width})
	})
	if err == nil {
		err = ioctlErr
	}
	return fault.Wrap(fault.Internal, err, "The size of the terminal cannot be set")
}

func newDevpts() (*os.File, error) {
	fs, err := unix.Fsopen("devpts", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	for _, option := range [][2]string{{"source", "devpts"}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}} {
		if err := unix.FsconfigSetString(fs, option[0], option[1]); err != nil {
			return nil, os.NewSyscallError("fsconfig "+option[0], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, os.NewSyscallError("fsconfig create", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(fd), "devpts"), nil
}

// pair opens a multiplexer and the other end of the terminal that this makes.
func pair(dir int, ptmx string) (master, slave *os.File, err error) {
	fd, err := unix.Openat(dir, ptmx, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("open ptmx", err)
	}
	unlocked := int32(0)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlocked))); errno != 0 {
		unix.Close(fd)
		return nil, nil, os.NewSyscallError("unlock the terminal", errno)
	}
	// By ioctl, not by name: in another mount namespace the name may be anything.
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		unix.Close(fd)
		return nil, nil, os.NewSyscallError("open the terminal", errno)
	}
	return os.NewFile(uintptr(fd), "pty master"), os.NewFile(peer, "pty"), nil
}
