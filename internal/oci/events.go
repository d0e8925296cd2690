//go:build linux

package oci

import (
	"time"

	"berth/internal/fault"
	"berth/internal/oci/stats"
)

// event is one line of `events`.
type event struct {
	Type string       `json:"type"`
	ID   string       `json:"id"`
	Data *stats.Stats `json:"data,omitempty"`
}

// events prints what a container uses: once with --stats, else again and again
// until it stops, and each time the kernel has killed for want of memory.
func (c *command) events(args []string) (int, error) {
	fs := flags("events")
	once := fs.Bool("stats", false, "")
	interval := fs.Duration("interval", 5*time.Second, "")
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	if *interval <= 0 {
		return 0, fault.New(fault.Invalid, "duration interval must be greater than 0")
	}
	id := fs.Arg(0)
	if *once {
		return 0, c.printStats(id)
	}
	kills, err := c.r.OOMKills(id)
	if err != nil && !fault.Is(err, fault.Unsupported) {
		return 0, err
	}
	// Looked at far more often than it is told: a kill is news.
	for due := time.Now().Add(*interval); ; time.Sleep(min(*interval, 100*time.Millisecond)) {
		now, err := c.r.OOMKills(id)
		switch {
		case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound):
			return 0, nil // it has stopped, or is gone altogether
		case err != nil && !fault.Is(err, fault.Unsupported):
			return 0, err
		case now > kills:
			kills = now
			if err := printLine(event{Type: "oom", ID: id}); err != nil {
				return 0, err
			}
		}
		if time.Now().After(due) {
			due = due.Add(*interval)
			if err := c.printStats(id); fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
				return 0, nil
			} else if err != nil {
				return 0, err
			}
		}
	}
}

func (c *command) printStats(id string) error {
	s, err := c.r.Stats(id)
	if err != nil {
		return err
	}
	return printLine(event{Type: "stats", ID: id, Data: &s})
}
