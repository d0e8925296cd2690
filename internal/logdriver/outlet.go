package logdriver

import (
	"time"

	"berth/internal/logfile"
)

// outlet is a remote driver whose losses are told to whoever looks after the
// daemon: when they begin, when they go on, and when they are over.
type outlet struct {
	Driver
	driver string
	warn   func(format string, args ...any)
	lost   int       // messages, or what was gathered of them, since the remote went away
	took   bool      // a message, since the last Flush
	failed bool      // since the last Flush
	told   time.Time // when losses were told of last
}

// tellEvery is how often a remote that stays away is spoken of.
const tellEvery = time.Minute

func (o *outlet) Log(m *logfile.Message) error {
	o.took = o.took || len(m.Line) > 0 // some drivers send nothing of an empty one
	return o.note(o.Driver.Log(m))
}

// Flush ends a round: one without a loss says that the remote is back.
func (o *outlet) Flush() error {
	err := o.note(o.Driver.Flush())
	if o.took && !o.failed && o.lost > 0 {
		o.tell("%s takes log entries again, after at least %d that were lost", o.driver, o.lost)
		o.lost, o.told = 0, time.Time{}
	}
	o.took, o.failed = false, false
	return err
}

func (o *outlet) note(err error) error {
	if err == nil {
		return nil
	}
	o.lost++
	o.failed = true
	if time.Since(o.told) > tellEvery {
		o.told = time.Now()
		o.tell("log entries for %s are lost: %v", o.driver, err)
	}
	return err
}

func (o *outlet) tell(format string, args ...any) {
	if o.warn != nil {
		o.warn(format, args...)
	}
}
