package notice

import (
	"time"

	"berth/internal/container/record"
	"berth/internal/event"
)

// History is the events that are kept.
type History interface {
	// Find calls f for every kept event since a time whose line holds each of words,
	// the oldest first, until f returns false.
	Find(since time.Time, f func(event.Message) bool, words ...string) error
	Last() time.Time // when the latest was published; zero when there is none
}

// Past knows what was told before the daemon started. Between the record of a create, a start, an end or a
// removal and its event the daemon can be killed, and between the event and the last word about it to the
// keeper: with its Past, the next daemon tells of each once.
type Past struct {
	history History
	last    time.Time            // when the latest was published before; zero when there is none
	told    map[string]time.Time // when an action on a container was told last
}

// NewPast returns a Past of what has been published until now.
func NewPast(h History) *Past {
	p := &Past{history: h}
	if h != nil {
		p.last = h.Last()
	}
	return p
}

// Told reports that an action on a container has been told since a time, and takes
// it for told from now on.
func (p *Past) Told(id, action string, since time.Time) (bool, error) {
	if p == nil || p.history == nil {
		return false, nil
	}
	if err := p.read(); err != nil {
		return false, err
	}
	at, ok := p.told[action+" "+id]
	p.told[action+" "+id] = time.Now()
	return ok && !at.Before(since), nil
}

func (p *Past) read() error {
	if p.told != nil {
		return nil
	}
	p.told = map[string]time.Time{}
	for _, action := range []string{event.Create, event.Start, event.Die, event.Destroy} {
		err := p.history.Find(time.Time{}, func(m event.Message) bool {
			if m.Type == event.Container && m.Action == action {
				p.told[action+" "+m.ID] = m.Time
			}
			return true
		}, `"`+action+`"`)
		if err != nil {
			return err
		}
	}
	return nil
}

// unsure is how far before the last kept event something may be whose own is missing: as long as
// a killed daemon may have had its hands full, or a machine without power not written.
const unsure = time.Minute

// Fresh reports that what happened at a time may never have been told.
func (p *Past) Fresh(at time.Time) bool {
	return p != nil && !p.last.IsZero() && !at.IsZero() && at.After(p.last.Add(-unsure))
}

// Missing reports that the end of a container's last run may never have been told.
func (p *Past) Missing(c *record.Container) bool {
	return (c.State == record.Exited || c.State == record.Restarting) && p.Fresh(c.Run.Finished)
}
