//go:build linux

package oci

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

func TestSystemdsLimitsAreThoseThatRuncSets(t *testing.T) {
	needSystemd(t)
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("there is no runc to compare with: ", err)
	}
	with := func(binary, name string) course {
		b := limited(t)
		if binary != "" {
			b.binary = binary
		}
		b.flags = []string{systemdFlag}
		b.spec.Linux.CgroupsPath = ":" + name + ":" + strconv.Itoa(os.Getpid())
		return b.course(updates())
	}
	with("", "ours").isAs(t, with(runc, "theirs"), updates())
}

func TestSystemdKeepsNothingOfACreationThatWasKilled(t *testing.T) {
	needSystemd(t)
	b := newBundle(t, "exec sleep 1000")
	b.flags = []string{systemdFlag}
	pid := strconv.Itoa(os.Getpid())
	for _, c := range []struct{ path, unit string }{{"", "berth-a"}, {":killed:" + pid, "killed-" + pid}} {
		dir := "/sys/fs/cgroup/system.slice/" + c.unit + ".scope"
		b.spec.Linux.CgroupsPath = c.path
		b.save()
		b.killCreations(15, func(time.Duration) {
			b.waitFor("rid of "+dir, func() bool { _, err := os.Stat(dir); return err != nil })
		})
	}
}
