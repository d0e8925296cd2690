package container

import (
	"os"
	"sync"

	"berth/internal/container/warm"
	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

// host is what containers take from the machine: directories, mounts,
// networks, volumes. Its methods know nothing of verbs and locks.
type host struct {
	deps       Deps
	index      *index
	seccomp    seccomp.Cache
	pool       *warm.Pool[*sandbox]
	thermal    func() []string // the CPUs' thermal_throttle paths, which do not change
	mu         sync.Mutex      // guards closed
	closed     bool            // nothing new goes to the background
	background sync.WaitGroup  // what nobody waits for: deletions, unmounts, ends
}

func newHost(deps Deps, x *index) *host {
	h := &host{deps: deps, index: x, thermal: sync.OnceValue(runtime.ThermalThrottle)}
	h.pool = newPool(h, deps.Warm)
	return h
}

// later runs f when nobody waits for it. Once the service is closed it does
// nothing, and reports false: what is left undone then, the next start of the daemon finds.
func (h *host) later(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.background.Go(f)
	}
	return !h.closed
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
