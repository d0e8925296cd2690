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
		t.Skip(err)
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
		began := time.Now()
		b.ok("create", "-b", b.dir, "a")
		whole := time.Since(began)
		b.ok("delete", "a")
		const moments = 15
		for i := range moments {
			create := b.command("create", "-b", b.dir, "a")
			b.must(create.Start())
			time.Sleep(whole * time.Duration(i) / moments)
			_ = create.Process.Kill() // it may have ended, which is a moment too
			_ = create.Wait()
			b.ok("delete", "--force", "a")
			b.waitFor("rid of "+dir, func() bool { _, err := os.Stat(dir); return err != nil })
		}
		b.ok("create", "-b", b.dir, "a") // the unit's name is free
		b.ok("delete", "a")
	}
}
