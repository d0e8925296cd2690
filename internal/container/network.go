package container

import (
	"context"
	"fmt"
	"os"
	"strings"

	"berth/internal/fault"
	"berth/internal/linux/pidfd"
)

// connect gives the run its network namespace; nil is the host's.
func (h *host) connect(ctx context.Context, c Container, box *sandbox, undo *undo) (*Connection, error) {
	mode := c.HostConfig.NetworkMode
	switch {
	case mode == "host":
		return &Connection{Endpoint: Endpoint{Network: "host"}}, nil
	case mode == "none":
		ns := box.takeNetNS()
		if ns == nil {
			var err error
			if ns, err = h.deps.Networks.ConnectNone(ctx); err != nil {
				return nil, err
			}
		}
		return &Connection{NetNS: ns, Endpoint: Endpoint{Network: "none"}}, nil
	case strings.HasPrefix(mode, "container:"):
		return h.joinNetwork(strings.TrimPrefix(mode, "container:"))
	case mode != "bridge":
		return nil, fault.New(fault.NotFound, "failed to set up container networking: network %s not found", mode)
	}
	conn, err := h.warmth().connect(ctx, c, box)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "failed to set up container networking")
	}
	undo.add(func() { h.deps.Networks.Disconnect(context.WithoutCancel(ctx), conn.Endpoint) })
	return conn, nil
}

// joinNetwork opens another running container's network namespace.
func (h *host) joinNetwork(id string) (*Connection, error) {
	other, err := h.index.find(id)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "joining network namespace of container")
	}
	l := other.live.Load()
	if l == nil {
		return nil, fault.New(fault.Conflict, "cannot join network namespace of a non running container: container %s is not running", other.id)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", l.proc.Pid))
	if err != nil {
		return nil, fault.Wrap(fault.Conflict, err, "cannot join network namespace of container %s", other.id)
	}
	if pidfd.Ended(l.pidfd) { // the pid may have been another process's by then
		ns.Close()
		return nil, fault.New(fault.Conflict, "cannot join network namespace of a non running container: container %s is not running", other.id)
	}
	return &Connection{NetNS: ns}, nil
}
