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

// Past knows what was told before the daemon started. Between the record of an end and its event the
// daemon can be killed, and between the event and the last word about it to the
// keeper: with its Past, the next daemon tells of each end once.
type Past struct {
	history History
	told    map[string]time.Time // when an action on a container was told last
}

// NewPast returns a Past that has not looked yet.
func NewPast(h History) *Past { return &Past{history: h} }

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
	for _, action := range []string{event.Die, event.Destroy} {
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

// unsure is how far before the last kept event an end may be whose own is missing: as long as
// a killed daemon may have had its hands full, or a machine without power not written.
const unsure = time.Minute

// Missing reports that the end of a container's last run may never have been told.
func (p *Past) Missing(c *record.Container) bool {
	if p == nil || p.history == nil || (c.State != record.Exited && c.State != record.Restarting) || c.Run.Finished.IsZero() {
		return false
	}
	last := p.history.Last()
	return !last.IsZero() && c.Run.Finished.After(last.Add(-unsure))
}
