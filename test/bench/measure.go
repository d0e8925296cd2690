package main

import (
	"slices"
	"time"
)

// samples are measurements of one thing.
type samples []float64

// at is the value below which the share q of the samples lies.
func (s samples) at(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// row is one line of the table.
type row struct {
	group, name, unit string
	values            map[string]samples // by engine
	target            target
	moreIsBetter      bool
}

// target is what the project promises; the zero target promises nothing.
type target struct {
	of              []share // berth's median at most these shares of its peers', or at least where more is better
	atMost, atLeast float64 // absolute bounds of the median, in the row's unit
	column          string  // whose median is meant; "" is berth's
}

// share is a part of a peer's median.
type share struct {
	peer  string
	times float64
}

// ofDocker is the usual target.
func ofDocker(times float64) target { return target{of: []share{{"docker", times}}} }

// gap is how long the machine idles before each measurement of a scenario that
// has gaps: hot loops hide the kernel's RCU waits, which people feel.
const gap = 150 * time.Millisecond

// shape is how a scenario is repeated.
type shape struct {
	group  string
	steps  []string // names of the durations that one turn returns
	rounds int
	gap    time.Duration
	unit   string // "ms" or "s"
}

// turns lets the engines take turns at op, which returns one duration a step,
// and adds a row a step. An engine whose op fails drops out with a note.
func (b *bench) turns(s shape, able func(*engine) bool, op func(*engine) ([]time.Duration, error)) []*row {
	rows := make([]*row, len(s.steps))
	for i, step := range s.steps {
		rows[i] = &row{group: s.group, name: step, unit: s.unit, values: map[string]samples{}}
	}
	failed := map[*engine]bool{}
	began := time.Now()
	for round := -1; round < s.rounds; round++ { // the first one warms up
		if round > 1 && time.Since(began) > budget(b) {
			break
		}
		for _, e := range b.engines {
			if e.absent != "" || failed[e] || !able(e) {
				continue
			}
			for range max(1, e.turns*min(1, round+1)) {
				time.Sleep(s.gap)
				took, err := op(e)
				if err != nil {
					failed[e] = true
					b.note("%s %s: %s: %s", s.group, s.steps[0], e.name, firstLine(err.Error()))
					break
				}
				for i := range took {
					if round >= 0 {
						rows[i].values[e.name] = append(rows[i].values[e.name], took[i].Seconds()*perSecond(s.unit))
					}
				}
			}
		}
	}
	b.rows = append(b.rows, rows...)
	return rows
}

// single is turns for an op of one duration.
func (b *bench) single(s shape, able func(*engine) bool, op func(*engine) (time.Duration, error)) *row {
	return b.turns(s, able, func(e *engine) ([]time.Duration, error) {
		took, err := op(e)
		return []time.Duration{took}, err
	})[0]
}

func perSecond(unit string) float64 {
	if unit == "ms" {
		return 1000
	}
	return 1
}

// figure adds a row of values that are not durations.
func (b *bench) figure(group, name, unit string) *row {
	r := &row{group: group, name: name, unit: unit, values: map[string]samples{}}
	b.rows = append(b.rows, r)
	return r
}

func (r *row) add(e *engine, value float64) { r.values[e.name] = append(r.values[e.name], value) }

func hasClient(e *engine) bool { return e.bundle == "" }
func hasAPI(e *engine) bool    { return e.api != nil }

// own is true for the engines measured by their own client or API: the stock
// client against berthd would only repeat berth's column.
func own(e *engine) bool { return e.bundle == "" && e.name != "berth-docker" }

// budget bounds a scenario on a machine that is busy with other things: what
// it has by then, two rounds at least, is what it reports.
func budget(b *bench) time.Duration { return time.Duration(b.rounds(25, 5)) * time.Second }

// rounds chooses between a full and a quick run.
func (b *bench) rounds(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}
