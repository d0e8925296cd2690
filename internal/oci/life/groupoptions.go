//go:build linux

package life

import (
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// keepGroupOptions sees to it that the control groups of version 2 have the options
// that they had. They are the whole machine's, and criu takes them away whenever it
// mounts that file system without any: nsdelegate, memory_recursiveprot.
func keepGroupOptions() (putBack func() error) {
	before, _ := groupOptions()
	return func() error {
		now, at := groupOptions()
		if before == "" || now == before {
			return nil
		}
		ended := make(chan error, 1)
		go func() {
			goruntime.LockOSThread() // for ever: its mounts are its own, and only the file system is everybody's
			err := unix.Unshare(unix.CLONE_NEWNS)
			if err == nil {
				err = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
			}
			if err == nil {
				err = unix.Mount("", at, "", unix.MS_REMOUNT, dataOptions(before))
			}
			ended <- fault.Wrap(fault.Internal, err, "criu has changed the options of %s, and they cannot be put back", at)
		}()
		return <-ended
	}
}

// groupOptions are the options of the version 2 file system, and where it is;
// nothing where there is none.
func groupOptions() (options, at string) {
	list, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup2"))
	if err != nil || len(list) == 0 {
		return "", ""
	}
	return list[0].VFSOptions, list[0].Mountpoint
}

// dataOptions leaves out those that are no words for the file system.
func dataOptions(options string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(options, ","), func(o string) bool { return o == "rw" || o == "ro" }), ",")
}
