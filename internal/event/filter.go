package event

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// Filter chooses events as Docker does: the values of one key are alternatives,
// but for labels, which must all be there; different keys must all agree.
type Filter map[string][]string

// FilterKeys are the keys that a Filter may have.
func FilterKeys() []string {
	return strings.Fields("config container daemon event image label network node plugin scope secret service type volume")
}

// Match reports whether an event is wanted.
func (f Filter) Match(m *Message) bool {
	if len(f) == 0 {
		return true
	}
	if !f.action(m.Action) || !f.exact("type", string(m.Type)) || !f.exact("scope", m.Scope) || !f.image(m) {
		return false
	}
	// Whatever an event is about: its ID or its name begins with what was asked
	// for. An event of another type passes too when it does.
	for _, key := range []Type{Daemon, Container, Plugin, Volume, Network, Node, Service, Secret, Config} {
		if !f.begins(string(key), m.ID) && !f.begins(string(key), m.Attributes["name"]) {
			return false
		}
	}
	return f.labels(m.Attributes)
}

// action matches actions as a whole. Asked for one that is followed by more, such
// as health_status or exec_create, it matches all by their beginnings.
func (f Filter) action(action string) bool {
	for _, open := range []string{"health_status", "exec_create", "exec_start"} {
		if slices.Contains(f["event"], open) {
			return f.begins("event", action)
		}
	}
	return f.exact("event", action)
}

// exact reports that a key has the value among its own, or is not asked for.
func (f Filter) exact(key, value string) bool {
	return len(f[key]) == 0 || slices.Contains(f[key], value)
}

// begins reports that the value begins with one of a key's, or that it is not asked for.
func (f Filter) begins(key, value string) bool {
	return len(f[key]) == 0 || slices.ContainsFunc(f[key], func(v string) bool { return strings.HasPrefix(value, v) })
}

// image matches an image's events, and those of containers made from it, with the
// tag or without.
func (f Filter) image(m *Message) bool {
	if len(f["image"]) == 0 {
		return true
	}
	name := m.Attributes["image"]
	if m.Type == Image {
		name = m.Attributes["name"]
	}
	for _, word := range []string{m.ID, name, family(m.ID), family(name)} {
		if slices.Contains(f["image"], word) {
			return true
		}
	}
	return false
}

// family is the short name of an image without its tag.
func family(image string) string {
	ref, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.FamiliarName(ref)
}

func (f Filter) labels(have Attributes) bool {
	for _, want := range f["label"] {
		key, value, exact := strings.Cut(want, "=")
		got, ok := have[key]
		if !ok || exact && got != value {
			return false
		}
	}
	return true
}
