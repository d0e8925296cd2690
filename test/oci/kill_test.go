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
	b.killCreations(40, func(at time.Duration) {
		if left := groups(); len(left) > 0 {
			t.Errorf("killed after %v: there is %v", at, left)
		}
	})
}

// killCreations kills `create` at so many moments of its life, each followed by `delete
// --force` and the look at what is left.
func (b *bundle) killCreations(moments int, look func(at time.Duration)) {
	b.t.Helper()
	began := time.Now()
	b.ok("create", "-b", b.dir, "a")
	whole := time.Since(began)
	b.ok("delete", "a")
	for i := range moments {
		at := whole * time.Duration(i) / time.Duration(moments)
		create := b.command("create", "-b", b.dir, "a")
		b.must(create.Start())
		time.Sleep(at)
		_ = create.Process.Kill() // it may have ended, which is a moment too
		_ = create.Wait()
		b.ok("delete", "--force", "a")
		look(at)
	}
	b.ok("create", "-b", b.dir, "a") // the names are free
	b.ok("delete", "a")
}
