package provision

import (
	"context"
	"strings"

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
		return &Connection{Endpoint: record.Endpoint{Network: "host"}}, nil
	case mode == "none":
		ns := box.takeNetNS()
		if ns == nil {
			var err error
			if ns, err = h.deps.Networks.ConnectNone(ctx); err != nil {
				return nil, err
			}
		}
		return &Connection{NetNS: ns, Endpoint: record.Endpoint{Network: "none"}}, nil
	case strings.HasPrefix(mode, "container:"):
		return h.joinNetwork(strings.TrimPrefix(mode, "container:"))
	case mode != "bridge":
		return nil, fault.New(fault.NotFound, "failed to set up container networking: network %s not found", mode)
	}
	conn, err := h.Warmth().connect(ctx, c, box)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "failed to set up container networking")
	}
	undo.Add(func() { h.deps.Networks.Disconnect(context.WithoutCancel(ctx), conn.Endpoint) })
	return conn, nil
}

// joinNetwork opens another running container's network namespace.
func (h wiring) joinNetwork(id string) (*Connection, error) {
	if _, _, err := h.find(id); err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "joining network namespace of container")
	}
	ns, _, err := h.namespaceOf(id, "net", "network namespace")
	return &Connection{NetNS: ns}, err
}
