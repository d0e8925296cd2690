package seccomp

import (
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// maxCached bounds a Cache: users' profiles may be many, combinations in use are few.
const maxCached = 64

// Cache keeps compiled filters, so that a start pays for compiling only once
// for each set of capabilities. Its zero value is ready; it may be used from
// many goroutines. The daemon owns one.
type Cache struct {
	mu      sync.Mutex
	filters map[string]*compiled
}

type compiled struct {
	once   sync.Once
	filter Filter
	err    error
}

// Filter is the compiled profile for a process with the bounding set caps:
// Docker's default when profileJSON is empty, else as Load reads it.
func (c *Cache) Filter(profileJSON string, caps []string) (Filter, error) {
	caps = slices.Sorted(slices.Values(caps))
	entry := c.entry(strings.Join(caps, ",") + "\n" + profileJSON)
	entry.once.Do(func() {
		var p *specs.LinuxSeccomp
		if profileJSON == "" {
			p, entry.err = Default(caps)
		} else {
			p, entry.err = Load(profileJSON, caps)
		}
		if entry.err == nil {
			entry.filter, entry.err = Compile(p)
		}
	})
	return entry.filter, entry.err
}

func (c *Cache) entry(key string) *compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.filters[key]; ok {
		return e
	}
	if c.filters == nil {
		c.filters = map[string]*compiled{}
	}
	for old := range c.filters {
		if len(c.filters) < maxCached {
			break
		}
		delete(c.filters, old) // any of them: recompiling takes a millisecond
	}
	e := &compiled{}
	c.filters[key] = e
	return e
}
