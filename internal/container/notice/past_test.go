package notice

import (
	"strings"
	"testing"
	"time"

	"berth/internal/container/record"
	"berth/internal/event"
)

// kept is a history in memory.
type kept []event.Message

func (k kept) Find(since time.Time, f func(event.Message) bool, words ...string) error {
	for _, m := range k {
		if !m.Time.Before(since) && strings.Contains(`"`+m.Action+`"`, words[0]) && !f(m) {
			break
		}
	}
	return nil
}

func (k kept) Last() time.Time {
	if len(k) == 0 {
		return time.Time{}
	}
	return k[len(k)-1].Time
}

func TestAnEndIsToldOnceOverTheLivesOfTheDaemon(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	p := NewPast(kept{{Time: at(5), Type: event.Container, Action: event.Die, ID: "a"}, {Time: at(6), Type: event.Network, Action: event.Destroy, ID: "b"}})
	for _, c := range []struct {
		id, action string
		since      time.Time
		want       bool
	}{
		{"a", event.Die, at(1), true},      // this run's
		{"b", event.Destroy, at(1), false}, // a network's
		{"c", event.Die, at(1), false},     // never told
		{"c", event.Die, at(1), true},      // told now
	} {
		if got, err := p.Told(c.id, c.action, c.since); err != nil || got != c.want {
			t.Errorf("%s of %s: %v %v", c.action, c.id, got, err)
		}
	}
	p = NewPast(kept{{Time: at(5), Type: event.Container, Action: event.Die, ID: "a"}})
	if got, _ := p.Told("a", event.Die, at(7)); got {
		t.Error("the end of an earlier run is taken for this one's")
	}
}

func TestOnlyALateEndCanBeMissing(t *testing.T) {
	last := time.Unix(10000, 0)
	p := NewPast(kept{{Time: last}})
	ended := func(state record.State, at time.Time) *record.Container {
		return &record.Container{State: state, Run: record.Run{Finished: at}}
	}
	for name, c := range map[string]struct {
		past *Past
		c    *record.Container
		want bool
	}{
		"late":                  {p, ended(record.Exited, last), true},
		"between two starts":    {p, ended(record.Restarting, last.Add(time.Second)), true},
		"long ago":              {p, ended(record.Exited, last.Add(-time.Hour)), false},
		"running":               {p, ended(record.Running, last), false},
		"never run":             {p, ended(record.Exited, time.Time{}), false},
		"nothing was ever told": {NewPast(kept{}), ended(record.Exited, last), false},
		"nobody keeps events":   {NewPast(nil), ended(record.Exited, last), false},
	} {
		if got := c.past.Missing(c.c); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
