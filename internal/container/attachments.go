package container

import (
	"context"
	"os"
	"slices"
	"strings"

	"berth/internal/container/config"
	"berth/internal/container/netfiles"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
)

// Attachments puts containers on networks and takes them off, be they running. What is on the disk is true at any
// moment: an interface that no record knows is removed when the next daemon begins.
type Attachments struct{ *Service }

// Connect puts a container on a network. One that does not run is connected when it starts.
func (s Attachments) Connect(ctx context.Context, ref, network string, a config.Attachment) error {
	e, name, err := s.find(ref, network)
	if err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	c := e.snapshot()
	if err := attachable(&c, name); err != nil {
		return err
	}
	if slices.Contains(provision.On(c), name) {
		return fault.New(fault.Forbidden, "endpoint with name %s already exists in network %s", c.Name, name)
	}
	c.Networks = provision.With(c, name, a)
	if !c.State.Up() {
		return s.keep(e, c)
	}
	return s.plug(ctx, e, c, name)
}

// find finds both; a network that only the container's record knows has the name that is given.
func (s Attachments) find(ref, network string) (e *entry, name string, err error) {
	if e, err = s.index.Find(ref); err != nil {
		return nil, "", err
	}
	_, name, _, err = s.deps.Networks.Find(network)
	return e, name, err
}

// attachable refuses what no container, or not this one, can be connected to, in Docker's words.
func attachable(c *Container, network string) error {
	switch {
	case c.State == Removing || c.State == Removed || c.State == Dead:
		return fault.New(fault.Conflict, "Container %s is marked for removal and cannot be connected or disconnected to the network", c.ID)
	case network == "host":
		return fault.New(fault.Conflict, "container cannot be disconnected from host network or connected to host network")
	case c.HostConfig.NetworkMode == "host" || strings.HasPrefix(c.HostConfig.NetworkMode, "container:"):
		return fault.New(fault.Conflict, "container sharing network namespace with another container or host cannot be connected to any other network")
	case network == "none" || c.HostConfig.NetworkMode == "none":
		return fault.New(fault.Conflict, "container cannot be connected to multiple networks with one of the networks in private (none) mode")
	}
	return nil
}

// keep writes down what a container asks of networks.
func (s Attachments) keep(e *entry, c Container) error {
	if err := s.deps.Store.Commit(put(c)); err != nil {
		return fault.Wrap(fault.Internal, err, "the change of networks cannot be recorded")
	}
	failpoint.At("attach.recorded")
	e.change(func(now *Container) { now.Networks, now.Endpoints = c.Networks, c.Endpoints })
	s.host.Warmth().Forget(e.id) // its sandbox is on the networks of before
	return nil
}

// plug gives a running container the interface on a network that its record asks for already.
func (s Attachments) plug(ctx context.Context, e *entry, c Container, name string) error {
	ns, err := provision.NetNS(s.host, c.ID)
	if err != nil {
		return err
	}
	defer ns.Close()
	w := provision.Wish{Network: name, Attachment: c.Networks[name], Into: ns, Link: freeLink(c), Beside: true}
	conn, err := s.deps.Networks.Connect(ctx, c, w)
	if err != nil {
		return err
	}
	failpoint.At("attach.plugged")
	conn.Endpoints[0].Link = w.Link
	before := c.Endpoints
	c.Endpoints = append(slices.Clone(before), conn.Endpoints...)
	err = provision.LeadOut(s.deps.Networks, c, ns)
	if err == nil {
		err = s.keep(e, c)
	}
	if err != nil {
		c.Endpoints = before
		if err := s.deps.Networks.Unplug(context.WithoutCancel(ctx), conn.Endpoints[0]); err != nil {
			s.deps.Warn("container %s: %v", c.ID, err)
		}
		if err := provision.LeadOut(s.deps.Networks, c, ns); err != nil {
			s.deps.Warn("container %s: %v", c.ID, err)
		}
		return err
	}
	s.hosts(c, conn.Endpoints[0], true)
	s.deps.Publish(notice.Network(c.ID, conn.Endpoints[0], event.Connect))
	return nil
}

// freeLink is the lowest number that no interface of a container has.
func freeLink(c Container) int {
	for n := 0; ; n++ {
		if !slices.ContainsFunc(c.Endpoints, func(e Endpoint) bool { return e.Link == n && e.Address.IsValid() }) {
			return n
		}
	}
}

// Disconnect takes a container off a network.
func (s Attachments) Disconnect(ctx context.Context, ref, network string) error {
	e, name, err := s.find(ref, network)
	if err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	c := e.snapshot()
	if mode := c.HostConfig.NetworkMode; mode == "host" && name == "host" {
		return fault.New(fault.Forbidden, "container cannot be disconnected from host network or connected to host network")
	}
	if !slices.Contains(provision.On(c), name) {
		if c.State.Up() {
			return fault.New(fault.Forbidden, "container %s is not connected to network %s", c.ID, name)
		}
		return fault.New(fault.Forbidden, "container %s is not connected to the network %s", c.ID, name)
	}
	c.Networks = provision.Without(c, name)
	i := slices.IndexFunc(c.Endpoints, func(at Endpoint) bool { return at.Network == name })
	if !c.State.Up() || i < 0 {
		return s.keep(e, c)
	}
	left := c.Endpoints[i]
	c.Endpoints = slices.Delete(slices.Clone(c.Endpoints), i, i+1)
	if err := s.keep(e, c); err != nil {
		return err
	}
	err = s.deps.Networks.Unplug(context.WithoutCancel(ctx), left)
	if ns, failed := provision.NetNS(s.host, c.ID); failed == nil {
		defer ns.Close()
		if err := provision.LeadOut(s.deps.Networks, c, ns); err != nil {
			s.deps.Warn("container %s: %v", c.ID, err)
		}
	}
	s.hosts(c, left, false)
	s.deps.Publish(notice.Network(c.ID, left, event.Disconnect))
	return err
}

// hosts puts a container's address into its hosts file, in place as that is mounted, or takes it out.
func (s Attachments) hosts(c Container, at Endpoint, there bool) {
	text, err := os.ReadFile(c.HostsPath)
	if err == nil {
		line := at.Address.Addr().String() + "\t" + strings.Join(netfiles.Names(c.Config.Hostname, c.Config.Domainname), " ") + "\n"
		now := strings.Replace(string(text), line, "", 1)
		if there {
			now += line
		}
		err = os.WriteFile(c.HostsPath, []byte(now), 0o644)
	}
	if err != nil {
		s.deps.Warn("container %s: its hosts file does not tell of the change of networks: %v", c.ID, err)
	}
}
