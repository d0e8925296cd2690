package container

import (
	"berth/internal/container/notice"
	"berth/internal/event"
	"berth/internal/peer"
)

// teller tells what has happened to containers: after the fact, and after its commit.
type teller struct{ publish func(event.Message) }

// asker is who has asked for something, and by which verb.
type asker struct {
	by   *peer.Peer
	verb string
}

// tells returns what tells of the containers.
func (s *Service) tells() teller { return teller{s.deps.Publish} }

// of tells of a container. more are pairs of names and values.
func (t teller) of(c Container, action string, more ...string) {
	t.publish(notice.Of(&c, action, more...))
}

// all tells several things at once.
func (t teller) all(list []event.Message) {
	for _, m := range list {
		t.publish(m)
	}
}

// by tells what somebody has asked for.
func (t teller) by(a *asker, c Container, action string, more ...string) {
	m := notice.Of(&c, action, more...)
	m.By, m.Verb = a.by, a.verb
	t.publish(m)
}

// exec tells of an exec, as an event of its container's.
func (t teller) exec(s Execs, x *execution, action string, more ...string) {
	e, err := s.index.find(x.container)
	if err != nil {
		return // the container has gone, and everybody knows that
	}
	t.of(e.snapshot(), action, append(more, "execID", x.id)...)
}
