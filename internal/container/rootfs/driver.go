//go:build linux

// Package rootfs makes containers' file systems of their images' layers and their own: an overlay, an overlay by
// fuse-overlayfs, or a plain copy of everything.
package rootfs

import (
	"fmt"
	"os"
	"os/exec"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// Driver is a way to make them.
type Driver string

// The drivers, by the names that Docker has for them.
const (
	Overlay Driver = "overlayfs"
	Fuse    Driver = "fuse-overlayfs"
	Copies  Driver = "vfs"
)

// fuseProgram does what the kernel does not.
const fuseProgram = "fuse-overlayfs"

// Parse reads the name of a driver; "" is none.
func Parse(word string) (Driver, error) {
	switch word {
	case "", string(Overlay), string(Fuse), string(Copies):
		return Driver(word), nil
	case "overlay2":
		return Overlay, nil
	}
	return "", fault.New(fault.Invalid, "the storage driver %s is not one of overlay2, fuse-overlayfs and vfs", fault.Quoted(word))
}

// Choose takes the driver that was asked for, or the first that works: an overlay, fuse-overlayfs, copies. why says what
// spoke against those that would have been better.
func Choose(asked Driver, works func(Driver) error) (d Driver, why []string, err error) {
	if asked != "" {
		return asked, nil, fault.Wrap(fault.Unavailable, works(asked), "the storage driver %s does not work", asked)
	}
	for _, d := range []Driver{Overlay, Fuse} {
		err := works(d)
		if err == nil {
			return d, why, nil
		}
		why = append(why, fmt.Sprintf("%s: %v", d, err))
	}
	return Copies, why, nil
}

// Works tries the drivers in a directory: they have to work on the file system that containers are on.
func Works(in string) func(Driver) error {
	return func(d Driver) error {
		if d == Copies {
			return nil
		}
		dir, err := os.MkdirTemp(in, ".try-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		for _, sub := range []string{"lower", "upper", "work"} {
			if err := os.Mkdir(dir+"/"+sub, 0o700); err != nil {
				return err
			}
		}
		root, err := d.overlay([]string{dir + "/lower"}, dir, nil)
		if err != nil {
			return err
		}
		return root.Close()
	}
}

// overlay mounts an overlay, one way or the other, detached.
func (d Driver) overlay(lowers []string, layer string, options []string) (*os.File, error) {
	upper, work := layer+"/upper", layer+"/work"
	if d == Overlay {
		return mount.Overlay(lowers, upper, work, options...)
	}
	program, err := exec.LookPath(fuseProgram)
	if err != nil {
		return nil, fault.As(fault.Unavailable, err)
	}
	return mount.FuseOverlay(program, lowers, upper, work, layer)
}
