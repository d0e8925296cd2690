package container

import (
	"os"
	"sync"

	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

// host is what containers take from the machine: directories, mounts,
// networks, volumes. Its methods know nothing of verbs and locks.
type host struct {
	deps       Deps
	index      *index
	seccomp    seccomp.Cache
	thermal    func() []string // the CPUs' thermal_throttle paths, which do not change
	mu         sync.Mutex      // guards closed
	closed     bool            // nothing new goes to the background
	background sync.WaitGroup  // what nobody waits for: deletions, unmounts, ends
}

func newHost(deps Deps, x *index) *host {
	return &host{deps: deps, index: x, thermal: sync.OnceValue(runtime.ThermalThrottle)}
}

// later runs f when nobody waits for it. Once the service is closed it does
// nothing: what is left undone then, the next start of the daemon finds.
func (h *host) later(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.background.Go(f)
	}
}

// dir is the container's directory under the data root.
func (h *host) dir(id string) string { return h.deps.Paths.Data + "/" + id }

// exitFile and spool are the keeper's files about one process.
func (h *host) exitFile(id string) string { return h.deps.Paths.Exec + "/exits/" + id }
func (h *host) spool(id string) string    { return h.deps.Paths.Exec + "/spool/" + id }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
