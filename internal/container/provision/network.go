package provision

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/fault"
)

// wiring is how the host connects containers.
type wiring struct{ *Host }

func (h *Host) wiring() wiring { return wiring{h} }

// connect gives the run its network namespace; nil is the host's.
func (h wiring) connect(ctx context.Context, c record.Container, box *sandbox, undo *Undo) (*Connection, error) {
	mode := c.HostConfig.NetworkMode
	switch {
	case mode == "host":
		return &Connection{Endpoints: []record.Endpoint{{Network: "host"}}}, nil
	case mode == "none":
		ns := box.takeNetNS()
		if ns == nil {
			var err error
			if ns, err = h.deps.Networks.ConnectNone(ctx); err != nil {
				return nil, err
			}
		}
		return &Connection{NetNS: ns, Endpoints: []record.Endpoint{{Network: "none"}}}, nil
	case strings.HasPrefix(mode, "container:"):
		return h.joinNetwork(strings.TrimPrefix(mode, "container:"))
	}
	conn, err := h.connectAll(ctx, c, box, undo)
	if err != nil {
		if conn != nil {
			conn.NetNS.Close()
		}
		return nil, fault.Wrap(fault.KindOf(err), err, "failed to set up container networking")
	}
	return conn, nil
}

// connectAll connects a container to all its networks, that of its mode first. With an error it returns what it had.
func (h wiring) connectAll(ctx context.Context, c record.Container, box *sandbox, undo *Undo) (*Connection, error) {
	wishes, way, err := h.wishes(c)
	if err != nil {
		return nil, err
	}
	var all *Connection
	for i, w := range wishes {
		var conn *Connection
		if i == 0 && w.Network == "bridge" {
			conn, err = h.Warmth().connect(ctx, c, w, box)
		} else {
			if w.Link = i; all != nil {
				w.Into = all.NetNS
			}
			conn, err = h.deps.Networks.Connect(ctx, c, w)
		}
		if err != nil {
			return all, err
		}
		undo.Add(func() { h.deps.Networks.Disconnect(context.WithoutCancel(ctx), conn.Endpoints[0]) })
		conn.Endpoints[0].Link = i
		if all == nil {
			all = conn
			continue
		}
		all.Endpoints, all.Holds = append(all.Endpoints, conn.Endpoints...), append(all.Holds, conn.Holds...)
	}
	if way > 0 {
		err = h.deps.Networks.Lead(all.NetNS, all.Endpoints[way])
	}
	if all == nil { // of no network
		ns, err := h.deps.Networks.ConnectNone(ctx)
		return &Connection{NetNS: ns}, err
	}
	return all, err
}

// With is what a container asks of networks, and of one more.
func With(c record.Container, network string, a config.Attachment) map[string]config.Attachment {
	out := map[string]config.Attachment{network: a}
	for _, name := range On(c) {
		out[name] = c.Networks[name]
	}
	return out
}

// Without is what a container asks of networks but for one.
func Without(c record.Container, network string) map[string]config.Attachment {
	out := With(c, network, config.Attachment{})
	delete(out, network)
	return out
}

// NetNS opens the network namespace of a running container.
func NetNS(h *Host, id string) (*os.File, error) {
	ns, _, err := h.wiring().namespaceOf(id, "net", "network namespace")
	return ns, err
}

// LeadOut makes the endpoint of a running container its way out that is to be that.
func LeadOut(in Networks, c record.Container, ns *os.File) error {
	var ways []config.Way
	for _, e := range c.Endpoints {
		ways = append(ways, config.Way{Name: e.Network, Priority: c.Networks[e.Network].Priority, LeadsOut: e.Gateway.IsValid()})
	}
	if way := config.WayOut(ways); way >= 0 {
		return in.Lead(ns, c.Endpoints[way])
	}
	return nil
}

// wishes are the endpoints that a container is to have, and which of them is its way out. That one has its ports.
func (h wiring) wishes(c record.Container) (list []Wish, way int, err error) {
	mode, ports := c.HostConfig.NetworkMode, config.Ports(c.Config, c.HostConfig)
	if mode == "bridge" && c.Networks == nil {
		return []Wish{{Network: mode, Attachment: config.Attachment{MAC: c.Config.MacAddress}, Ports: ports}}, 0, nil
	}
	var ways []config.Way
	for i, ref := range On(c) {
		id, name, leadsOut, err := h.deps.Networks.Find(ref)
		if err != nil {
			return nil, 0, err
		}
		w := Wish{Network: id, Attachment: c.Networks[ref], Beside: true}
		if i == 0 && w.MAC == "" {
			w.MAC = c.Config.MacAddress
		}
		if ref == "bridge" {
			w.Network = ref
		}
		list, ways = append(list, w), append(ways, config.Way{Name: name, Priority: w.Priority, LeadsOut: leadsOut})
	}
	way = config.WayOut(ways)
	if way >= 0 {
		list[way].Ports, list[0].Beside = ports, way > 0
	}
	return list, way, nil
}

// On are the networks that a container is to be on, that of its mode first.
func On(c record.Container) []string {
	mode := c.HostConfig.NetworkMode
	if c.Networks == nil {
		return []string{mode}
	}
	names := slices.Sorted(maps.Keys(c.Networks))
	if i := slices.Index(names, mode); i > 0 {
		names = append([]string{mode}, slices.Delete(names, i, i+1)...)
	}
	return names
}

// Named has the networks that there are by their names, where a container asks for them by their IDs.
func Named(in Networks, asked map[string]config.Attachment) map[string]config.Attachment {
	if len(asked) == 0 {
		return nil
	}
	out := map[string]config.Attachment{}
	for ref, a := range asked {
		if _, name, _, err := in.Find(ref); err == nil {
			ref = name
		}
		out[ref] = a
	}
	return out
}

// joinNetwork opens another running container's network namespace.
func (h wiring) joinNetwork(id string) (*Connection, error) {
	if _, _, err := h.find(id); err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "joining network namespace of container")
	}
	ns, _, err := h.namespaceOf(id, "net", "network namespace")
	return &Connection{NetNS: ns}, err
}
