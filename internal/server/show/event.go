package show

import (
	"berth/internal/event"
	"berth/internal/server/compat"

	"github.com/moby/moby/api/types/events"
)

// legacyEvent is an event with the fields that clients read before API 1.52.
type legacyEvent struct {
	Status string `json:"status,omitempty"`
	ID     string `json:"id,omitempty"`
	From   string `json:"from,omitempty"`
	events.Message
}

// Event is an event in the shape of an API version.
func Event(m *event.Message, v compat.Version) any {
	out := events.Message{
		Type: events.Type(m.Type), Action: events.Action(m.Action), Scope: m.Scope,
		Time: m.Time.Unix(), TimeNano: m.Time.UnixNano(),
		Actor: events.Actor{ID: m.ID, Attributes: m.Attributes},
	}
	if out.Actor.Attributes == nil {
		out.Actor.Attributes = map[string]string{}
	}
	if v.Has(compat.JSONLines) {
		return out
	}
	switch m.Type {
	case event.Container:
		return legacyEvent{m.Action, m.ID, m.Attributes["image"], out}
	case event.Image:
		return legacyEvent{m.Action, m.ID, "", out}
	}
	return out
}
