// Package notice words what happens to containers as events, in Docker's way:
// which there are, in which order, and what they say; a Teller publishes them.
package notice

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/container/record"
	"berth/internal/event"
)

// Of is an event of a container. It carries the container's labels, and pairs of
// names and values besides.
func Of(c *record.Container, action string, more ...string) event.Message {
	attributes := make(event.Attributes, len(c.Config.Labels)+2+len(more)/2)
	for k, v := range c.Config.Labels {
		attributes[k] = v
	}
	if c.Config.Image != "" {
		attributes["image"] = c.Config.Image
	}
	attributes["name"] = c.Name
	for i := 0; i+1 < len(more); i += 2 {
		attributes[more[i]] = more[i+1]
	}
	return event.Message{Type: event.Container, Action: action, ID: c.ID, Attributes: attributes}
}

// Command is what the events of an exec say that it runs.
func Command(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return argv[0] + " " + strings.Join(argv[1:], " ")
}

// Joined are the events of a run that has got its network and its volumes, before
// that of its start.
func Joined(c *record.Container, at []record.Endpoint) []event.Message {
	list := networks(c, at, event.Connect)
	for _, m := range c.HostConfig.Mounts {
		if m.Type != "volume" {
			continue
		}
		list = append(list, event.Message{Type: event.Volume, Action: event.Mount, ID: m.Source, Attributes: event.Attributes{
			"driver": m.VolumeDriver(), "container": c.ID, "destination": path.Clean(m.Target), "read/write": strconv.FormatBool(!m.ReadOnly), "propagation": "",
		}})
	}
	return list
}

// Ended are the events of a run's end, before its network and volumes are left. That
// it was out of memory may have been told before.
func Ended(c *record.Container, oomTold bool) []event.Message {
	list := []event.Message{Of(c, event.Die, "exitCode", strconv.Itoa(c.Run.ExitCode), "execDuration", Seconds(c.Run))}
	if c.Run.OOMKilled && !oomTold {
		list = slices.Insert(list, 0, Of(c, event.OOM))
	}
	return list
}

// Seconds is how long a run took, as its end's event says it.
func Seconds(r record.Run) string {
	if r.Started.IsZero() || r.Finished.Before(r.Started) {
		return "0"
	}
	return strconv.Itoa(int(r.Finished.Sub(r.Started) / time.Second))
}

// Left are the events of a run that has given its network and its volumes back.
func Left(c *record.Container, was []record.Endpoint) []event.Message {
	list := networks(c, was, event.Disconnect)
	for _, m := range c.HostConfig.Mounts {
		if m.Type == "volume" {
			list = append(list, event.Message{Type: event.Volume, Action: event.Unmount, ID: m.Source, Attributes: event.Attributes{"driver": m.VolumeDriver(), "container": c.ID}})
		}
	}
	return list
}

// Volume is an event of a volume's own.
func Volume(name, driver, action string) event.Message {
	return event.Message{Type: event.Volume, Action: action, ID: name, Attributes: event.Attributes{"driver": driver}}
}

// NetworkItself is an event of a network's own.
func NetworkItself(id, name, driver, action string) event.Message {
	return event.Message{Type: event.Network, Action: action, ID: id, Attributes: event.Attributes{"name": name, "type": driver}}
}

// Pruned is the event of a prune that has made room, in bytes.
func Pruned(of event.Type, reclaimed int64) event.Message {
	return event.Message{Type: of, Action: event.Prune, Attributes: event.Attributes{"reclaimed": strconv.FormatInt(reclaimed, 10)}}
}

// networks are the events of endpoints. A container that shares another's network has none.
func networks(c *record.Container, all []record.Endpoint, action string) []event.Message {
	var list []event.Message
	for _, at := range all {
		list = append(list, Network(c.ID, at, action))
	}
	return list
}

// Network is the event of one endpoint.
func Network(container string, at record.Endpoint, action string) event.Message {
	driver := map[string]string{"none": "null", "host": "host"}[at.Network]
	return event.Message{Type: event.Network, Action: action, ID: at.NetworkID, Attributes: event.Attributes{
		"name": at.Network, "type": cmp.Or(driver, "bridge"), "container": container,
	}}
}
