// Package explain says in plain sentences why a container ended, restarts or does
// not start. It is pure: what is known comes in as Facts, and no clock is looked at.
package explain

import (
	"strconv"
	"time"

	"berth/internal/event"
	"berth/internal/peer"
)

// Facts are what is known of a container and of its last run.
type Facts struct {
	ID, Name, Image string
	State           string   // as in the record, and "removed"
	Command         []string // the program and its arguments
	Created         time.Time
	Started         time.Time // zero when it never ran
	Finished        time.Time
	ExitCode        int
	OOMKilled       bool
	Memory          int64   // the limit in bytes; 0 for none
	StartError      string  // why the last start failed
	Restart         Restart // what its policy does
	Health          *Health // nil without a check
	Asked           []Ask   // what was asked of the last run, the oldest first
	Removed         *Ask    // by whom it was removed
	Ends            []End   // how its runs ended, the oldest first; those that are still remembered
	Log             []Line  // the last lines that it wrote
	LogError        string  // why these cannot be read
}

// Restart is what a container's policy does.
type Restart struct {
	Policy  string // "no", "always", ...
	Max     int    // of on-failure
	Count   int    // how often it has started it again
	Due     time.Time
	Stopped bool // by hand: the policy leaves it alone
}

// Health is what the probes have told.
type Health struct {
	Status        string
	FailingStreak int
	Probes        []Probe // the last ones, the oldest first
}

// Probe is how one probe ended.
type Probe struct {
	At       time.Time
	ExitCode int // -1: it could not be run or took too long
	Output   string
}

// Ask is something that somebody asked of a container.
type Ask struct {
	Time   time.Time
	Verb   string     // "stop", "kill", "remove", "health"
	Signal int        // that was sent; 0 for none
	By     *peer.Peer // nil is the engine itself
}

// End is how a run ended.
type End struct {
	Time     time.Time
	ExitCode int
	Ran      time.Duration // whole seconds
}

// Line is a line of the container's log.
type Line struct {
	Stream string
	Text   string
}

// keepEnds is how many ends are told of.
const keepEnds = 100

// Recall takes in what was told of the container, in order.
func (f *Facts) Recall(m event.Message) {
	if m.Type != event.Container || m.ID != f.ID {
		return
	}
	switch m.Action {
	case event.Start:
		f.Asked = nil // of the run before
	case event.Kill:
		signal, _ := strconv.Atoi(m.Attributes["signal"]) // ours: it is a number
		f.Asked = append(f.Asked, Ask{m.Time, m.Verb, signal, m.By})
	case event.Die:
		code, _ := strconv.Atoi(m.Attributes["exitCode"])
		seconds, _ := strconv.Atoi(m.Attributes["execDuration"])
		f.Ends = append(f.Ends, End{m.Time, code, time.Duration(seconds) * time.Second})
		if len(f.Ends) > keepEnds {
			f.Ends = f.Ends[1:]
		}
	case event.Destroy:
		f.Removed = &Ask{Time: m.Time, Verb: m.Verb, By: m.By}
	}
}

// Gone are the facts of a container that there is no more, as far as it was told of.
func Gone(told []event.Message) Facts {
	f := Facts{State: "removed"}
	for _, m := range told {
		if m.Type != event.Container {
			continue
		}
		f.ID, f.Name, f.Image = m.ID, m.Attributes["name"], m.Attributes["image"]
		switch m.Action {
		case event.Create:
			f.Created = m.Time
		case event.Start:
			f.Started, f.OOMKilled = m.Time, false
		case event.OOM:
			f.OOMKilled = true
		case event.Die:
			f.Finished = m.Time
			f.ExitCode, _ = strconv.Atoi(m.Attributes["exitCode"])
		}
		f.Recall(m)
	}
	return f
}
