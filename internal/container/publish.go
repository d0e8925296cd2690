package container

import (
	"berth/internal/container/notice"
	"berth/internal/event"
	"berth/internal/linux/cgroup"
	"berth/internal/peer"
)

// teller tells what has happened to containers: after the fact, and after its commit.
type teller struct{ *Service }

// asker is who has asked for something, and by which verb.
type asker struct {
	by   *peer.Peer
	verb string
}

// tells returns what tells of the containers.
func (s *Service) tells() teller { return teller{s} }

// of tells of a container. more are pairs of names and values.
func (t teller) of(c Container, action string, more ...string) {
	t.deps.Publish(notice.Of(&c, action, more...))
}

// all tells several things at once.
func (t teller) all(list []event.Message) {
	for _, m := range list {
		t.deps.Publish(m)
	}
}

// by tells what somebody has asked for.
func (t teller) by(a *asker, c Container, action string, more ...string) {
	m := notice.Of(&c, action, more...)
	m.By, m.Verb = a.by, a.verb
	t.deps.Publish(m)
}

// told reports that an action that ends something of a container was told of by an
// earlier daemon, which was killed before it had done all that follows.
func (t teller) told(c Container, action string) bool {
	if t.recovered.Load() {
		return false
	}
	since := c.Created
	if action == event.Die {
		since = c.Run.Started
	}
	told, err := t.past.Told(c.ID, action, since)
	if err != nil {
		t.deps.Warn("container %s: %v", c.ID, err) // better twice than never
	}
	return told
}

// tellMissing tells of ends that are recorded and that nobody has been told of: the
// daemon was killed in between, or the machine lost its power.
func (s recovery) tellMissing() {
	for _, e := range s.index.all() {
		if c := e.snapshot(); s.past.Missing(&c) && !s.tells().told(c, event.Die) {
			s.tells().all(append(notice.Ended(&c, false), notice.Left(&c, c.Endpoint)...))
		}
	}
}

// watchOOM tells each time that a run with a limit runs out of memory. One without
// has no such moment of its own, and is found out about at its end.
func (t teller) watchOOM(e *entry, l *live) {
	if l.Group == nil || e.snapshot().HostConfig.Resources.Memory == 0 {
		return
	}
	go func() {
		err := cgroup.WatchOOM(l.Group, l.down, func() {
			l.telling.Lock()
			defer l.telling.Unlock()
			if !l.endTold { // nothing comes after the end
				l.oomTold = true
				t.of(e.snapshot(), event.OOM)
			}
		})
		l.telling.Lock()
		ended := l.endTold // and its group has gone, or is going
		l.telling.Unlock()
		if err != nil && !ended {
			t.deps.Warn("container %s: %v", e.id, err)
		}
	}()
}
