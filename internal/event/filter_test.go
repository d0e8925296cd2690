package event

import "testing"

func TestFiltersMatchByDockersRules(t *testing.T) {
	web := Message{Type: Container, Action: Die, ID: "abcdef", Scope: "local", Attributes: Attributes{"name": "web-1", "image": "nginx:1.27", "tier": "front", "empty": ""}}
	health := Message{Type: Container, Action: "health_status: healthy", ID: "abcdef", Attributes: Attributes{"name": "web-1"}}
	tag := Message{Type: Image, Action: Tag, ID: "sha256:1234", Scope: "local", Attributes: Attributes{"name": "example.org/app:v2"}}
	join := Message{Type: Network, Action: Connect, ID: "n123", Scope: "local", Attributes: Attributes{"name": "bridge", "container": "abcdef"}}
	for _, c := range []struct {
		name   string
		filter Filter
		m      Message
		want   bool
	}{
		{"without a filter everything", nil, web, true},
		{"a container by the beginning of its ID", Filter{"container": {"abc"}}, web, true},
		{"a container by the beginning of its name", Filter{"container": {"web"}}, web, true},
		{"not by the middle of it", Filter{"container": {"eb"}}, web, false},
		{"another's event about the container is not its own", Filter{"container": {"abc"}}, join, false},
		{"any of a key's values", Filter{"container": {"no", "web-1"}}, web, true},
		{"all of the keys", Filter{"container": {"web-1"}, "event": {"start"}}, web, false},
		{"an action as a whole", Filter{"event": {"di"}}, web, false},
		{"the type", Filter{"type": {"container"}}, web, true},
		{"another type", Filter{"type": {"network"}}, web, false},
		{"the scope", Filter{"scope": {"swarm"}}, web, false},
		{"an image with its tag", Filter{"image": {"nginx:1.27"}}, web, true},
		{"an image without its tag", Filter{"image": {"nginx"}}, web, true},
		{"not an image's beginning", Filter{"image": {"ngi"}}, web, false},
		{"an image's own events by ID", Filter{"image": {"sha256:1234"}}, tag, true},
		{"an image's own events by name", Filter{"image": {"example.org/app"}}, tag, true},
		{"a label", Filter{"label": {"tier"}}, web, true},
		{"a label and its value", Filter{"label": {"tier=front"}}, web, true},
		{"a label with another value", Filter{"label": {"tier=back"}}, web, false},
		{"all labels", Filter{"label": {"tier", "absent"}}, web, false},
		{"an empty value", Filter{"label": {"empty="}}, web, true},
		{"a network by its name", Filter{"network": {"bridge"}}, join, true},
		{"health_status stands for all of its states", Filter{"event": {"health_status"}}, health, true},
		{"one state of health", Filter{"event": {"health_status: healthy"}}, health, true},
		{"the other state of health", Filter{"event": {"health_status: unhealthy"}}, health, false},
		{"beside health_status others match by their beginning too", Filter{"event": {"health_status", "di"}}, web, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.filter.Match(&c.m); got != c.want {
				t.Error(got)
			}
		})
	}
}
