//go:build linux

package mount

import (
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// FuseOverlay makes what Overlay makes, by the program fuse-overlayfs: for where the kernel mounts no overlay. The
// program goes to the background, and ends when the last descriptor of the mount, and the last namespace that it is in,
// is gone. place is a directory to mount on, in a namespace that nobody else sees.
func FuseOverlay(program string, lowers []string, upper, work, place string) (file *os.File, err error) {
	if len(lowers) == 0 || upper == "" || work == "" {
		return nil, fault.New(fault.Internal, "An overlay needs lower directories, an upper and a work directory.")
	}
	err = aside(func() error {
		file, err = fuseAway(program, lowers, upper, work, place)
		return err
	})
	return file, fault.Wrap(fault.Internal, err, "The container's file system cannot be mounted")
}

// fuseAway runs on the thrown-away thread, whose namespace the program is born in.
func fuseAway(program string, lowers []string, upper, work, place string) (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, os.NewSyscallError("mount private", err)
	}
	var names []string
	for _, l := range lowers {
		names = append(names, fuseName(l))
	}
	options := "lowerdir=" + strings.Join(names, ":") + ",upperdir=" + fuseName(upper) + ",workdir=" + fuseName(work)
	if out, err := exec.Command(program, "-o", options, place).CombinedOutput(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "fuse-overlayfs: %s", fault.Quoted(strings.TrimSpace(string(out))))
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, place, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	// The program keeps this namespace: what is mounted in it would be there for as long as the program is.
	if off := unix.Unmount(place, unix.MNT_DETACH); off != nil && err == nil {
		unix.Close(fd)
		err = off
	}
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	return os.NewFile(uintptr(fd), "overlay"), nil
}

// fuseName escapes what separates the program's options.
func fuseName(dir string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`).Replace(dir)
}
