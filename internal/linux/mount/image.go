//go:build linux

package mount

import (
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Device mounts the file system on a block device, detached. options are its own. When it is mounted already, it is the
// same one once more, as it is.
func Device(device, kind string, options ...string) (*os.File, error) {
	f, err := deviceDetached(device, kind, options)
	return f, fault.Wrap(fault.Internal, err, "%s cannot be mounted", device)
}

func deviceDetached(device, kind string, options []string) (*os.File, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	for _, option := range append([]string{"source=" + device}, options...) {
		if err := setOption(fs, option); err != nil {
			return nil, explain(fs, "option "+option, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, explain(fs, "mount", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(fd), device), nil
}

// Within runs f where a detached mount is mounted at a directory, or, with nil, just as here: on a thread with a mount
// namespace of its own, which goes when f returns, and without the right to write more than quotas and reserves of a
// file system let others. f keeps to its goroutine; the mounts that it takes out of there, and the processes that it
// starts, keep the file system.
func Within(m *os.File, dir string, f func() error) error {
	return aside(func() error {
		if err := bounded(); err != nil {
			return err
		}
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return os.NewSyscallError("mount private", err)
		}
		if m == nil {
			return f()
		}
		if err := unix.MoveMount(int(m.Fd()), "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return os.NewSyscallError("move_mount", err)
		}
		return f()
	})
}

// bounded gives up CAP_SYS_RESOURCE for this thread: an overlay writes with the rights of who has mounted it, and with
// this one quotas are not for it.
func bounded() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	caps[0].Effective &^= 1 << unix.CAP_SYS_RESOURCE
	return os.NewSyscallError("capset", unix.Capset(&head, &caps[0]))
}
