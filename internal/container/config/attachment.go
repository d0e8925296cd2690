package config

import (
	"cmp"
	"net/netip"
	"slices"
)

// Attachment is what a container asks of a network that it is to be on.
type Attachment struct {
	Aliases  []string   `json:",omitempty"` // further names there
	IPv4     netip.Addr // zero for any
	MAC      string     `json:",omitempty"` // "" for any
	Priority int        `json:",omitempty"` // of its gateway over those of other networks
}

// Way is a network that may lead a container out.
type Way struct {
	Name     string
	Priority int
	LeadsOut bool
}

// WayOut is the index of the network whose gateway a container has: that of the highest priority, and of
// those the first by name; -1 if none leads out.
func WayOut(ways []Way) int {
	out := -1
	for i, w := range ways {
		if w.LeadsOut && (out < 0 || cmp.Or(cmp.Compare(ways[out].Priority, w.Priority), cmp.Compare(w.Name, ways[out].Name)) < 0) {
			out = i
		}
	}
	return out
}

// Attachable reports whether a container of a network mode can be on networks, or on further ones.
func Attachable(mode string) bool { return mode != "host" && mode != "none" && !shared(mode) }

// UserNetwork reports whether a network mode is the name of a network that somebody has made.
func UserNetwork(mode string) bool {
	return !slices.Contains([]string{"", "default", "bridge", "host", "none"}, mode) && !shared(mode)
}

func shared(mode string) bool {
	return len(mode) >= len("container:") && mode[:len("container:")] == "container:"
}

// NamesOn are the names by which a container is found on a network that somebody has made: its own, the
// aliases that were asked for, its short ID and its hostname.
func NamesOn(name, id, hostname string, aliases []string) []string {
	var out []string
	for _, n := range slices.Concat([]string{name}, aliases, []string{id[:min(12, len(id))], hostname}) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
