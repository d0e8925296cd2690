//go:build linux

package keeper_test

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// A container reaches the binary through /proc/<pid>/exe of a process that is
// still, or again, the keeper's program (CVE-2019-5736). While any process runs
// from the file nobody can write to it, and here the test does; what decides
// about later is the mount that the link leads through.
func TestAKeeperRunsFromAMountThroughWhichItsBinaryCannotBeWritten(t *testing.T) {
	if err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{}); errors.Is(err, unix.ENOSYS) {
		t.Skip("mount_setattr(2) needs Linux 5.12")
	}
	w := newWorld(t)
	dir := "/proc/" + strconv.Itoa(w.pid)
	exe, err := os.OpenFile(dir+"/exe", unix.O_PATH, 0)
	w.must(err)
	defer exe.Close()
	var st unix.Statfs_t
	w.must(unix.Fstatfs(int(exe.Fd()), &st))
	if st.Flags&unix.ST_RDONLY == 0 {
		t.Error("the mount is writable")
	}
	comm, err := os.ReadFile(dir + "/comm")
	w.must(err)
	if string(comm) != "keeper.test\n" {
		t.Errorf("the process is called %q", comm)
	}
}
