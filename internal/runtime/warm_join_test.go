//go:build linux

package runtime_test

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/runtime"
)

// newNetNS makes a network namespace.
func newNetNS(t *testing.T) *os.File {
	t.Helper()
	made := make(chan *os.File)
	go func() {
		goruntime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var f *os.File
		if unix.Unshare(unix.CLONE_NEWNET) == nil {
			f, _ = os.Open("/proc/thread-self/ns/net")
		}
		made <- f
	}()
	f := <-made
	if f == nil {
		t.Fatal("no network namespace can be made")
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestTheNetworkAndTheGroupsOfASandboxAreTheContainers(t *testing.T) {
	b := newBox(t, "cat /proc/self/cgroup; ls -l /proc/self/ns/net; cat /sys/fs/cgroup/pids/tasks")
	i := slices.IndexFunc(b.in.Cgroup.Hierarchies, func(h runtime.Hierarchy) bool { return slices.Equal(h.Controllers, []string{"pids"}) })
	if i < 0 {
		t.Skip("there is no cgroup v1 hierarchy for pids")
	}
	group := filepath.Join(b.in.Cgroup.Hierarchies[i].Path, "berth-runtime-warm-test-"+strconv.Itoa(os.Getpid()))
	b.must(os.Mkdir(group, 0o755))
	t.Cleanup(func() { b.must(os.Remove(group)) })
	netns := newNetNS(t)
	b.spec.Linux.Namespaces[1].Path = "fd:" + runtime.FdNetNS
	parked := sandboxOf(b.spec)
	in := runtime.Inputs{Fds: []string{runtime.FdNetNS}, Staging: b.in.Staging, Cgroup: b.in.Cgroup}
	in.Cgroup.Join = []string{group + "/tasks"}
	p, err := runtime.CompilePark(parked, in)
	b.must(err)
	code, err := p.Encode()
	b.must(err)
	waits, child, err := b.asm.Park(code, []int{int(netns.Fd())})
	b.must(err)
	out, _ := pipes(t, b.give)
	err = b.resume(parked, waits)
	text, _ := b.ends(child, err, out)
	var st unix.Stat_t
	b.must(unix.Fstat(int(netns.Fd()), &st))
	wants(t, text, ":pids:/\n", fmt.Sprintf("net:[%d]", st.Ino), "\n1\n")
}
