//go:build linux

package oci

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A command can be killed at any moment. delete --force then gives back all that it took.
func TestNothingStaysOfACreationThatWasKilled(t *testing.T) {
	b := newBundle(t, "exec sleep 1000").save()
	groups := func() []string {
		found, _ := filepath.Glob("/sys/fs/cgroup/*" + b.spec.Linux.CgroupsPath)
		if _, err := os.Stat("/sys/fs/cgroup" + b.spec.Linux.CgroupsPath); err == nil {
			found = append(found, b.spec.Linux.CgroupsPath)
		}
		return found
	}
	began := time.Now()
	b.ok("create", "-b", b.dir, "a")
	whole := time.Since(began)
	b.ok("delete", "a")
	const moments = 40
	for i := range moments {
		create := b.command("create", "-b", b.dir, "a")
		b.must(create.Start())
		time.Sleep(whole * time.Duration(i) / moments)
		_ = create.Process.Kill() // it may have ended, which is a moment too
		_ = create.Wait()
		b.ok("delete", "--force", "a")
		if left := groups(); len(left) > 0 {
			t.Errorf("killed after %v of %v: there is %v", whole*time.Duration(i)/moments, whole, left)
		}
	}
	b.ok("create", "-b", b.dir, "a") // all is free
	b.ok("delete", "a")
}
