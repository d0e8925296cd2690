package usage

import (
	"context"
	"strings"
	"time"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/waiting"
	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/pidfd"
	"berth/internal/linux/proc"
)

// statsInterval is how far apart the samples of a container are.
const statsInterval = time.Second

// Container is one container, as those who look at its use need it.
type Container interface {
	Snapshot() record.Container
	// Running is what its run holds and what is closed at the run's end; nil when it does not run.
	Running() (held *provision.Holdings, down <-chan struct{})
	// Removed is told when it has been removed, unless ctx ends first.
	Removed(ctx context.Context) <-chan waiting.Result
}

// Service tells what containers use.
type Service struct {
	feeds   *Feeds // of those whose use somebody watches
	cgroups cgroup.Hierarchy
	tells   *notice.Teller
	find    func(ref string) (Container, error)
}

// New returns what tells of the containers that find finds.
func New(cgroups cgroup.Hierarchy, tells *notice.Teller, find func(ref string) (Container, error)) *Service {
	return &Service{feeds: NewFeeds(statsInterval), cgroups: cgroups, tells: tells, find: find}
}

// Watched is how many containers are measured just now.
func (s *Service) Watched() int { return s.feeds.Watched() }

// StatsOptions say how often a client wants to hear.
type StatsOptions struct {
	Stream  bool // until the container is removed
	OneShot bool // at once, without a sample before
}

// Stats is what a container uses.
type Stats struct {
	ID, Name string
	Pair
}

// Stats tells what a container uses: once a second, or once. It returns nil when the container has been
// removed, and when ctx has ended. It waits for no verb.
func (s *Service) Stats(ctx context.Context, ref string, opts StatsOptions, tell func(Stats) error) error {
	of, err := s.find(ref)
	if err != nil {
		return err
	}
	id := of.Snapshot().ID
	if opts.Stream && opts.OneShot {
		return fault.New(fault.Invalid, "cannot have stream=true and one-shot=true")
	}
	say := func(p Pair) error { return tell(Stats{ID: id, Name: of.Snapshot().Name, Pair: p}) }
	if !opts.Stream && !runs(of) {
		return say(Pair{})
	}
	if opts.OneShot {
		now, err := s.measure(of)
		if err != nil && runs(of) {
			return err
		}
		return say(Pair{Now: now})
	}
	gone := of.Removed(ctx)
	w := s.feeds.Watch(id, func() (Sample, error) { return s.measure(of) })
	defer w.Leave()
	for {
		select {
		case <-gone:
			return nil
		case <-ctx.Done():
			return nil
		case p := <-w.Next():
			if !opts.Stream && p.Now.Ran() && !p.Before.Ran() {
				continue // the next will have one to be compared with
			}
			if err := say(p); err != nil || !opts.Stream {
				return err
			}
		}
	}
}

func runs(of Container) bool {
	held, _ := of.Running()
	return held != nil
}

// measure reads what a container uses now; nothing when it does not run.
func (s *Service) measure(of Container) (Sample, error) {
	held, _ := of.Running()
	if held == nil {
		return Sample{}, nil
	}
	if held.Group == nil {
		return Sample{}, record.NoGroup(of.Snapshot().ID)
	}
	from := Source{Group: held.Group, Unified: s.cgroups.Version() == cgroup.V2, Memory: proc.Memory()}
	if s.hasNetwork(of) {
		from.Pid = held.Pid
	}
	out, err := from.Measure()
	if err == nil && pidfd.Ended(held.Pidfd) { // the pid may have been another process's by then
		return Sample{}, nil
	}
	return out, err
}

// hasNetwork reports whether a container has interfaces of its own, or of a container whose
// network it shares. Those that share in a circle have none; they cannot run.
func (s *Service) hasNetwork(of Container) bool {
	for range 16 {
		mode := of.Snapshot().HostConfig.NetworkMode
		id, shared := strings.CutPrefix(mode, "container:")
		if !shared {
			return mode != "host" && mode != "none"
		}
		var err error
		if of, err = s.find(id); err != nil {
			return false // it was removed, and its network's name with it
		}
	}
	return false
}
