package container

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/container/files"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
)

// Stills keeps containers from changing their files while those are taken in.
type Stills struct{ *Service }

// Warn tells of what no caller can be told.
func (s Stills) Warn(format string, args ...any) { s.deps.Warn(format, args...) }

// Hold runs do while no verb changes the containers and no process of theirs runs: those that run are frozen, and
// nothing of them shows that. They go on after window at the latest, whatever do is waiting for; its context ends then, and
// the error is a context.DeadlineExceeded. stood is for how long, 0 when none ran. IDs of what is no container are passed over.
//
// A file in the container's directory says that it is not its user who has frozen it: the next
// daemon lets it go on if this one is killed.
func (s Stills) Hold(ctx context.Context, ids []string, window time.Duration, do func(context.Context) error) (stood time.Duration, err error) {
	entries, unlock, err := s.lockAll(ctx, ids)
	if err != nil {
		return 0, err
	}
	defer unlock()
	began := time.Now()
	var held []*ice
	thaw := sync.OnceFunc(func() { s.thawAll(held) })
	defer thaw()
	for _, e := range entries {
		l := e.live.Load()
		if l == nil || e.snapshot().State != Running {
			continue // a paused one stands still already
		}
		i, err := s.freeze(ctx, e, l)
		if err != nil {
			return 0, err
		}
		held = append(held, i)
	}
	failpoint.At("still.frozen")
	if len(held) == 0 {
		return 0, do(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	stop := context.AfterFunc(ctx, thaw)
	err = do(ctx)
	if !stop() && errors.Is(ctx.Err(), context.DeadlineExceeded) { // they have gone on, perhaps before the end
		err = fault.Wrap(fault.Unavailable, context.DeadlineExceeded, "the containers cannot stand still for more than %v", window)
	}
	thaw()
	return time.Since(began), err
}

// ice is a run that stands still.
type ice struct {
	e    *entry
	l    *live
	mark string
}

func (s Stills) freeze(ctx context.Context, e *entry, l *live) (*ice, error) {
	i := &ice{e, l, s.deps.Paths.Still(e.id)}
	if err := os.WriteFile(i.mark, nil, 0o600); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "it cannot be written down that container %s stands still", e.id)
	}
	failpoint.At("still.marked")
	if err := freeze(ctx, l); err != nil {
		os.Remove(i.mark)
		if pidfd.Ended(l.Pidfd) { // nothing of it changes files any more
			return i, nil
		}
		return nil, fault.Wrap(fault.KindOf(err), err, "container %s cannot be made to stand still", e.id)
	}
	return i, nil
}

// thawAll lets them go on: all at once, and each as soon as it can.
func (s Stills) thawAll(held []*ice) {
	var all sync.WaitGroup
	for _, i := range held {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), freezeTime)
			defer cancel()
			if err := i.l.Group.Thaw(ctx); err != nil && !pidfd.Ended(i.l.Pidfd) {
				s.deps.Warn("container %s does not go on: %v", i.e.id, err)
				return // the mark stays: the next daemon tries again
			}
			failpoint.At("still.thawed")
			os.Remove(i.mark)
		})
	}
	all.Wait()
}

// Idle runs do while none of the containers runs nor can be started, nor does anybody copy their files. A Conflict,
// which begins with what, says which do.
func (s Stills) Idle(ctx context.Context, ids []string, what string, do func() error) error {
	entries, unlock, err := s.lockAll(ctx, ids)
	if err != nil {
		return err
	}
	defer unlock()
	var up []string
	for _, e := range entries {
		switch c := e.snapshot(); c.State {
		case Created, Exited, Dead, Removing, Removed:
		default:
			up = append(up, c.Name)
		}
	}
	if len(up) > 0 {
		slices.Sort(up)
		return fault.New(fault.Conflict, "%s: stop %s first", what, strings.Join(up, ", "))
	}
	for _, e := range entries {
		s.host.Warmth().Forget(e.id) // has the files open already
		e.views.End(files.Patience)
	}
	return do()
}

// lockAll takes the containers for one verb, in the order of their IDs, so that two who want several
// never wait for each other.
func (s Stills) lockAll(ctx context.Context, ids []string) (all []*entry, unlock func(), err error) {
	unlock = func() {
		for _, e := range all {
			e.unlock()
		}
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		e, err := s.index.Find(id)
		if err != nil || e.id != id {
			continue
		}
		if err := e.lock(ctx); err != nil {
			unlock()
			return nil, nil, err
		}
		all = append(all, e)
	}
	return all, unlock, nil
}
