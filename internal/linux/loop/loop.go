//go:build linux

// Package loop attaches files to loop devices (loop(4)), by which a file is a disk.
package loop

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// control gives out the numbers of devices that are free.
const control = "/dev/loop-control"

// tries bounds how often another process may take the free device that we were told of.
const tries = 64

// Attach opens the loop device of a file: the one that the file has already, else a free one, which it has until its
// last user is gone: who opens it or has it mounted. The caller closes the device, and sees to it that nobody else
// attaches the same file meanwhile: a file system over two devices would be torn apart.
func Attach(image *os.File) (*os.File, error) {
	dev, err := Find(image)
	if err == nil && dev == nil {
		dev, err = attach(image)
	}
	return dev, fault.Wrap(fault.Internal, err, "%s cannot be attached to a loop device", image.Name())
}

// Find opens the loop device that a file has; nil when it has none.
func Find(image *os.File) (*os.File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(image.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	busy, err := filepath.Glob("/sys/block/loop*/loop") // is there while a device has a file
	if err != nil {
		return nil, err
	}
	for _, dir := range busy {
		dev, err := os.OpenFile("/dev/"+strings.Split(dir, "/")[3], os.O_RDWR, 0)
		if err != nil {
			continue // nobody's any more, or not for us
		}
		// Open, it keeps its file.
		info, err := unix.IoctlLoopGetStatus64(int(dev.Fd()))
		if err == nil && info.Device == st.Dev && info.Inode == st.Ino {
			return dev, nil
		}
		dev.Close()
	}
	return nil, nil
}

func attach(image *os.File) (*os.File, error) {
	ctl, err := os.OpenFile(control, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer ctl.Close()
	for range tries {
		dev, err := free(ctl)
		if err != nil {
			return nil, err
		}
		c := unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		copy(c.Info.File_name[:], image.Name())
		c.Info.File_name[len(c.Info.File_name)-1] = 0
		err = unix.IoctlLoopConfigure(int(dev.Fd()), &c)
		if err == nil {
			return dev, nil
		}
		dev.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, os.NewSyscallError("LOOP_CONFIGURE", err)
		}
	}
	return nil, errors.New("the loop devices are taken faster than they can be found")
}

// free opens a device that has no file. Another process may be faster with it.
func free(ctl *os.File) (*os.File, error) {
	n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, os.NewSyscallError("LOOP_CTL_GET_FREE", err)
	}
	return os.OpenFile("/dev/loop"+strconv.Itoa(n), os.O_RDWR, 0)
}
