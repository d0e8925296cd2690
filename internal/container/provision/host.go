// Package provision is what containers take from the machine for a run:
// directories, mounts, networks, volumes, control groups, a program. It knows
// nothing of verbs and locks.
package provision

import (
	"os"
	"sync"

	"berth/internal/container/record"
	"berth/internal/container/warm"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/mount"
	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

// Host is what the containers of one daemon take from the machine.
type Host struct {
	deps       Deps
	find       Finder
	seccomp    seccomp.Cache
	pool       *warm.Pool[*sandbox]
	thermal    func() []string // the CPUs' thermal_throttle paths, which do not change
	overlay    func() []string // options of every container's overlay
	modules    runtime.Modules // the kernel's, for security
	mu         sync.Mutex      // guards the rest
	closed     bool            // nothing new goes to the background
	background int             // how much runs that nobody waits for: deletions, unmounts, ends
	less       *sync.Cond      // background has become less
}

// Finder finds another container, one that something is shared with, by its ID.
// The holdings are nil when it does not run.
type Finder func(id string) (record.Container, *Holdings, error)

// Holdings are what a run holds in the daemon.
type Holdings struct {
	Pid    int
	Pidfd  *os.File
	Rootfs *os.File // the detached overlay; nil after a restart of the daemon
	Pty    *os.File // the terminal's master, or nil
	Group  *cgroup.Group
}

// New returns a Host from which nothing has been taken.
func New(deps Deps, find Finder) *Host {
	h := &Host{deps: deps, find: find, thermal: sync.OnceValue(runtime.ThermalThrottle), overlay: sync.OnceValue(mount.WholeLayers), modules: runtime.HostModules()}
	h.less = sync.NewCond(&h.mu)
	h.pool = newPool(h, deps.Warm)
	return h
}

// Later runs f when nobody waits for it. Once the service is closed it does
// nothing, and reports false: what is left undone then, the next start of the daemon finds.
func (h *Host) Later(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.background++
	go func() {
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.background--
			h.less.Broadcast()
		}()
		f()
	}()
	return true
}

// Close unmakes what waits for containers and waits for what runs in the
// background. Nothing new goes there from now on.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.pool.Close()
	h.Settle()
}

// Settle waits until nothing runs in the background, while more may come.
func (h *Host) Settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.background > 0 {
		h.less.Wait()
	}
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
