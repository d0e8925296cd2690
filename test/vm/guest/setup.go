//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// step is one thing that makes a host of the machine.
type step struct {
	name string
	run  func() error
}

func setUp() error {
	for _, s := range []step{
		{"mount what the kernel shows of itself", kernelMounts},
		{"load modules", loadModules},
		{"find the disk", waitForDisk},
		{"make the disk the root", switchRoot},
		{"mount the rest", hostMounts},
		{"own the files", ownFiles},
		{"set up networking", network},
	} {
		if err := s.run(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

type mount struct {
	kind, at, data string
	flags          uintptr
}

func mountAll(list []mount) error {
	for _, m := range list {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, m.flags, m.data); err != nil {
			return &os.PathError{Op: "mount " + m.kind, Path: m.at, Err: err}
		}
	}
	return nil
}

const plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

func kernelMounts() error {
	return mountAll([]mount{
		{"devtmpfs", "/dev", "mode=755", unix.MS_NOSUID},
		{"proc", "/proc", "", plain},
		{"sysfs", "/sys", "", plain},
	})
}

// loadModules loads them in the order of their names, which begin with numbers.
func loadModules() error {
	list, err := filepath.Glob("/modules/*")
	if err != nil {
		return err
	}
	for _, path := range list {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return &os.PathError{Op: "load", Path: path, Err: err}
		}
	}
	return nil
}

const (
	disk     = "/dev/vda"
	patience = 30 * time.Second
)

func waitForDisk() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(disk); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// switchRoot puts the disk over the initramfs, which cannot be pivoted away:
// containers, which pivot, then start from an ordinary file system.
func switchRoot() error {
	if err := unix.Mount(disk, "/disk", "ext4", unix.MS_NOATIME, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(dir, "/disk"+dir, "", unix.MS_MOVE, ""); err != nil {
			return &os.PathError{Op: "move", Path: dir, Err: err}
		}
	}
	if err := os.Chdir("/disk"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return os.NewSyscallError("move the root", err)
	}
	if err := unix.Chroot("."); err != nil {
		return os.NewSyscallError("chroot", err)
	}
	return os.Chdir("/")
}

// hostMounts makes the rest as systemd does: one cgroup tree of version 2 that
// all controllers are free for, and mounts that propagate.
func hostMounts() error {
	err := mountAll([]mount{
		{"tmpfs", "/run", "mode=755", unix.MS_NOSUID | unix.MS_NODEV},
		{"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", unix.MS_NOSUID | unix.MS_NOEXEC},
		{"tmpfs", "/dev/shm", "mode=1777", unix.MS_NOSUID | unix.MS_NODEV},
		{"mqueue", "/dev/mqueue", "", plain},
		{"cgroup2", "/sys/fs/cgroup", "nsdelegate,memory_recursiveprot", plain},
	})
	if err != nil {
		return err
	}
	if err := os.Remove("/dev/ptmx"); err != nil {
		return err
	}
	if err := os.Symlink("pts/ptmx", "/dev/ptmx"); err != nil {
		return err
	}
	for name, target := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		if err := os.Symlink("/proc/self/fd"+target, "/dev/"+name); err != nil {
			return err
		}
	}
	return os.NewSyscallError("make mounts shared", unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""))
}

// ownFiles gives root the files of a disk that another user has made.
func ownFiles() error {
	var st unix.Stat_t
	if err := unix.Stat("/bin/busybox", &st); err != nil || st.Uid == 0 {
		return err
	}
	for _, dir := range []string{"/bin", "/etc", "/root", "/src", "/tests", "/tmp", "/usr", "/var"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, 0, 0)
		})
		if err != nil {
			return err
		}
	}
	return os.Lchown("/", 0, 0)
}

// network gives the host a name, the loopback, and an uplink with a default
// route that leads nowhere.
func network() error {
	if err := unix.Sethostname([]byte("vm")); err != nil {
		return os.NewSyscallError("sethostname", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "uplink"
	uplink := &netlink.Dummy{LinkAttrs: attrs}
	if err := netlink.LinkAdd(uplink); err != nil {
		return err
	}
	if err := netlink.AddrAdd(uplink, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 2), Mask: net.CIDRMask(24, 32)}}); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(uplink); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: uplink.Attrs().Index, Gw: net.IPv4(192, 0, 2, 1)})
}
