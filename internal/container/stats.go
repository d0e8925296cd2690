package container

import (
	"context"
	"strings"
	"time"

	"berth/internal/container/usage"
	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/pidfd"
	"berth/internal/linux/proc"
)

// statsInterval is how far apart the samples of a container are.
const statsInterval = time.Second

// Usage is the verbs about what a container uses, and may use.
type Usage struct{ *Service }

// Usage returns those verbs.
func (s *Service) Usage() Usage { return Usage{s} }

// StatsOptions say how often a client wants to hear.
type StatsOptions struct {
	Stream  bool // until the container is removed
	OneShot bool // at once, without a sample before
}

// Stats is what a container uses.
type Stats struct {
	ID, Name string
	usage.Pair
}

// Stats tells what a container uses: once a second, or once. It returns nil when the container has been
// removed, and when ctx has ended. It waits for no verb.
func (s Usage) Stats(ctx context.Context, ref string, opts StatsOptions, tell func(Stats) error) error {
	e, err := s.index.find(ref)
	if err != nil {
		return err
	}
	if opts.Stream && opts.OneShot {
		return fault.New(fault.Invalid, "cannot have stream=true and one-shot=true")
	}
	say := func(p usage.Pair) error { return tell(Stats{ID: e.id, Name: e.snapshot().Name, Pair: p}) }
	if !opts.Stream && e.live.Load() == nil {
		return say(usage.Pair{})
	}
	if opts.OneShot {
		now, err := s.measure(e)
		if err != nil && e.live.Load() != nil {
			return err
		}
		return say(usage.Pair{Now: now})
	}
	gone, err := s.Wait(ctx, e.id, WaitRemoved)
	if err != nil {
		return err
	}
	w := s.feeds.Watch(e.id, func() (usage.Sample, error) { return s.measure(e) })
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

// measure reads what a container uses now; nothing when it does not run.
func (s Usage) measure(e *entry) (usage.Sample, error) {
	l := e.live.Load()
	if l == nil {
		return usage.Sample{}, nil
	}
	if l.Group == nil {
		return usage.Sample{}, noGroup(e.id)
	}
	from := usage.Source{Group: l.Group, Unified: s.deps.Cgroups.Version() == cgroup.V2, Memory: proc.Memory()}
	if s.hasNetwork(e) {
		from.Pid = l.Pid
	}
	out, err := from.Measure()
	if err == nil && pidfd.Ended(l.Pidfd) { // the pid may have been another process's by then
		return usage.Sample{}, nil
	}
	return out, err
}

// hasNetwork reports whether a container has interfaces of its own, or of a container whose
// network it shares. Those that share in a circle have none; they cannot run.
func (s Usage) hasNetwork(e *entry) bool {
	for range 16 {
		mode := e.snapshot().HostConfig.NetworkMode
		id, shared := strings.CutPrefix(mode, "container:")
		if !shared {
			return mode != "host" && mode != "none"
		}
		var err error
		if e, err = s.index.find(id); err != nil {
			return false // it was removed, and its network's name with it
		}
	}
	return false
}
