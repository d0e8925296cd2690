package container

import (
	"slices"

	"berth/internal/container/config"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"berth/internal/container/execs"
	"berth/internal/container/index"
	"berth/internal/container/notice"
	"berth/internal/container/probing"
	"berth/internal/container/provision"
	"berth/internal/container/usage"
	"berth/internal/event"
)

// Service is all containers of one daemon.
type Service struct {
	deps   Deps
	index  *index.Index[*entry]
	execs  *execs.Service
	tells  *notice.Teller
	usage  *usage.Service
	probes *probing.Service
	host   *provision.Host

	pruning   sync.Mutex    // held by the one prune that there may be
	linked    atomic.Bool   // there is, or was, a container with links
	recovered atomic.Bool   // Recover has done its work
	leaving   atomic.Bool   // the daemon ends and takes its containers along: nothing is started any more
	ending    chan struct{} // closed when the daemon ends
}

// New returns a Service without containers; Recover brings those of the store.
func New(deps Deps) *Service {
	if deps.Publish == nil {
		deps.Publish = func(event.Message) {} // nobody listens
	}
	x := index.New[*entry]()
	s := &Service{deps: deps, index: x, tells: notice.NewTeller(deps.Publish, deps.Warn), host: provision.New(deps.Deps, neighboursOf(x).neighbour), ending: make(chan struct{})}
	s.execs = execs.New(s.host, deps.Deps, func(ref string) (execs.Container, error) { return s.show(ref) })
	s.probes = probing.New(s.execs, deps.Deps, s.tells)
	s.usage = usage.New(deps.Cgroups, s.tells, func(ref string) (usage.Container, error) { return s.show(ref) })
	return s
}

// Execs is the further programs in the containers.
func (s *Service) Execs() *execs.Service { return s.execs }

// Usage is what the containers use.
func (s *Service) Usage() *usage.Service { return s.usage }

// runs is how the containers' runs begin and end.
type runs struct{ *Service }

func (s *Service) runs() runs { return runs{s} }

// Get returns a snapshot of one container.
func (s *Service) Get(ref string) (Container, error) {
	e, err := s.index.Find(ref)
	if err != nil {
		return Container{}, err
	}
	c := seen(s.execs, e)
	if len(c.HostConfig.Links) > 0 {
		c.HostConfig.Links = neighboursOf(s.index).named(c.HostConfig.Links)
	}
	return c, nil
}

// List returns snapshots of all containers, the newest first. It waits for
// nobody and touches no disk.
func (s *Service) List() []Container {
	entries := s.index.All()
	list := make([]Container, 0, len(entries))
	for _, e := range entries {
		list = append(list, seen(s.execs, e))
	}
	return list
}

func seen(execs *execs.Service, e *entry) Container {
	c := e.snapshot()
	c.Execs = execs.Alive(e.id)
	c.Health = e.health.State()
	return c
}

// ImageUser is a container that is made from an image, or that mounts it.
type ImageUser struct {
	ID       string
	Running  bool
	Manifest string // which of the image's it runs; "" is the one that the host runs, as in a mount
}

// Users returns the users of an image; a container that runs it and mounts it too is there twice.
func Users(s *Service, imageID string) []ImageUser {
	var users []ImageUser
	for _, e := range s.index.All() {
		c := e.snapshot()
		running := c.State.Up() || c.State == Starting || c.State == Restarting
		if c.ImageID == imageID {
			users = append(users, ImageUser{ID: c.ID, Running: running, Manifest: c.Manifest})
		}
		if mounts(c, imageID) {
			users = append(users, ImageUser{ID: c.ID, Running: running})
		}
	}
	return users
}

func mounts(c Container, imageID string) bool {
	return slices.ContainsFunc(c.HostConfig.Mounts, func(m config.Mount) bool { return m.ImageID == imageID })
}

// Waiting is how many sandboxes wait for containers, and what their processes
// take of memory, in bytes: their proportional share (PSS).
func Waiting(s *Service) (n int, bytes int64) {
	for _, b := range s.host.Warmth().Waiting() {
		n++
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", b.Pid))
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			var kib int64
			if _, err := fmt.Sscanf(line, "Pss: %d kB", &kib); err == nil {
				bytes += kib << 10
			}
		}
	}
	return n, bytes
}
