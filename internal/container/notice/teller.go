package notice

import (
	"sync/atomic"

	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/peer"
)

// Teller publishes what has happened to containers: after the fact, and after its commit.
type Teller struct {
	publish func(event.Message)
	warn    func(format string, args ...any)
	past    atomic.Pointer[Past] // while the daemon starts: what has been told already
}

// Asker is who has asked for something, and by which verb.
type Asker struct {
	By   *peer.Peer
	Verb string
}

// NewTeller returns a Teller for which nothing has been told before.
func NewTeller(publish func(event.Message), warn func(format string, args ...any)) *Teller {
	return &Teller{publish: publish, warn: warn}
}

// Of tells of a container. more are pairs of names and values.
func (t *Teller) Of(c record.Container, action string, more ...string) {
	t.publish(Of(&c, action, more...))
}

// All tells several things at once.
func (t *Teller) All(list []event.Message) {
	for _, m := range list {
		t.publish(m)
	}
}

// By tells what somebody has asked for.
func (t *Teller) By(a *Asker, c record.Container, action string, more ...string) {
	m := Of(&c, action, more...)
	m.By, m.Verb = a.By, a.Verb
	t.publish(m)
}

// Remember has Told ask what was published before, while the daemon starts; nil when it has started.
func (t *Teller) Remember(p *Past) { t.past.Store(p) }

// Told reports that a create, start, die or destroy of a container was told of by an
// earlier daemon, which was killed before it had done all that follows.
func (t *Teller) Told(c record.Container, action string) bool {
	since := c.Created
	if action == event.Die || action == event.Start {
		since = c.Run.Started
	}
	told, err := t.past.Load().Told(c.ID, action, since)
	if err != nil {
		t.warn("container %s: %v", c.ID, err) // better twice than never
	}
	return told
}

// MissingCreate tells of a container that is recorded and that nobody has been told of.
func (t *Teller) MissingCreate(c record.Container) {
	if t.past.Load().Fresh(c.Created) && !t.Told(c, event.Create) {
		t.Of(c, event.Create)
	}
}

// MissingStart tells so of the start of a run that is taken over, or whose end is about to be told.
func (t *Teller) MissingStart(c record.Container) {
	if t.past.Load().Fresh(c.Run.Started) && !t.Told(c, event.Start) {
		t.Of(c, event.Start)
	}
}

// Missing tells of an end that is recorded and that nobody has been told of: the
// daemon was killed in between, or the machine lost its power.
func (t *Teller) Missing(c record.Container) {
	if t.past.Load().Missing(&c) && !t.Told(c, event.Die) {
		t.All(append(Ended(&c, false), Left(&c, c.Endpoints)...))
	}
}
