package server

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"berth/internal/fault"
	store "berth/internal/network"
	"berth/internal/network/definition"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/grammar"
	"berth/internal/server/show"

	"github.com/moby/moby/api/types/network"
)

// networkRoutes are the handlers of /networks.
type networkRoutes struct {
	networks   Networks
	containers Containers
	attached   Attachments
}

func (r networkRoutes) list(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "dangling", "driver", "id", "label", "name", "scope", "type")
	if err != nil {
		return err
	}
	dangling, asked, err := f.Bool("dangling")
	if err != nil {
		return err
	}
	for _, kind := range f["type"] {
		if kind != "custom" && kind != "builtin" {
			return fault.New(fault.Invalid, "invalid filter: 'type'='%s'", kind)
		}
	}
	out := []any{}
	for _, n := range r.networks.List() {
		if !networkMatches(f, n) || asked && dangling == (definition.Predefined(n.Name) || len(n.Endpoints) > 0) {
			continue
		}
		out = append(out, r.shown(c, n))
	}
	return c.json(out, nil)
}

// shown is a network in a list, as the version has it.
func (r networkRoutes) shown(c *call, n store.Network) any {
	switch {
	case c.version.Has(compat.NetworkSummaries):
		return network.Summary{Network: show.Network(n)}
	case c.version.Has(compat.NetworksWithoutContainers):
		return network.Inspect{Network: show.Network(n), Containers: map[string]network.EndpointResource{}}
	}
	return show.NetworkInspect(n, r.containers.List())
}

// networkMatches reports whether a network has what the filters ask for, but for whether it is used.
func networkMatches(f filter.Set, n store.Network) bool {
	kind := "custom"
	if definition.Predefined(n.Name) {
		kind = "builtin"
	}
	is := func(key, have string) bool { return len(f[key]) == 0 || slices.Contains(f[key], have) }
	like := func(key, have string) bool {
		return len(f[key]) == 0 || slices.ContainsFunc(f[key], func(word string) bool {
			found, err := regexp.MatchString(word, have)
			return err == nil && found || strings.Contains(have, word)
		})
	}
	return is("driver", n.Driver) && is("scope", n.Scope) && is("type", kind) && like("id", n.ID) && like("name", n.Name) && filter.Labels(f["label"], n.Labels)
}

func (r networkRoutes) inspect(c *call) error {
	if scope := c.query.Get("scope"); scope != "" && scope != "local" {
		return fault.New(fault.NotFound, "network %s not found", c.name)
	}
	n, err := r.networks.Inspect(c.name)
	if err != nil {
		return err
	}
	return c.json(show.NetworkInspect(n, r.containers.List()), nil)
}

func (r networkRoutes) create(c *call) error {
	var wish network.CreateRequest
	if err := c.decode(&wish); err != nil {
		return err
	}
	if err := refuseNetwork(&wish); err != nil {
		return err
	}
	req := definition.Request{
		Name: wish.Name, Driver: wish.Driver, Internal: wish.Internal, Attachable: wish.Attachable,
		Options: wish.Options, Labels: wish.Labels,
	}
	if wish.IPAM != nil {
		req.IPAM = definition.IPAMRequest{Driver: wish.IPAM.Driver, Options: wish.IPAM.Options}
		for _, p := range wish.IPAM.Config {
			req.IPAM.Config = append(req.IPAM.Config, definition.Pool{Subnet: p.Subnet, Range: p.IPRange, Gateway: p.Gateway, Aux: p.AuxAddress})
		}
	}
	n, err := r.networks.Create(c.r.Context(), req)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, network.CreateResponse{ID: n.ID})
	return nil
}

// refuseNetwork refuses what no network here can be yet.
func refuseNetwork(wish *network.CreateRequest) error {
	switch {
	case wish.Scope != "" && wish.Scope != "local":
		return fault.New(fault.Unavailable, "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.")
	case wish.Ingress:
		return fault.New(fault.Unavailable, "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.")
	case wish.ConfigOnly || wish.ConfigFrom != nil && wish.ConfigFrom.Network != "":
		return fault.New(fault.Unsupported, "networks that only configure others are not supported yet")
	case wish.EnableIPv6 != nil && *wish.EnableIPv6:
		return fault.New(fault.Unsupported, "IPv6 is not supported yet on networks")
	case wish.EnableIPv4 != nil && !*wish.EnableIPv4:
		return fault.New(fault.Unsupported, "networks without IPv4 are not supported yet")
	}
	if wish.IPAM != nil {
		for _, p := range wish.IPAM.Config {
			for _, ip := range []netip.Addr{p.Subnet.Addr(), p.Gateway, p.IPRange.Addr()} {
				if ip.Is6() {
					return fault.New(fault.Unsupported, "IPv6 is not supported yet on networks: %s", ip)
				}
			}
		}
	}
	return nil
}

func (r networkRoutes) remove(c *call) error {
	return c.noContent(r.networks.Remove(c.r.Context(), c.name))
}

func (r networkRoutes) prune(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "until", "label", "label!")
	if err != nil {
		return err
	}
	until, err := f.Until(time.Now())
	if err != nil {
		return err
	}
	names, err := r.networks.Prune(c.r.Context(), func(n store.Network) bool {
		return (until.IsZero() || n.Created.Before(until)) && f.PruneLabels(n.Labels)
	})
	return c.json(network.PruneReport{NetworksDeleted: names}, err)
}

func (r networkRoutes) connect(c *call) error {
	var wish network.ConnectRequest
	if err := c.decode(&wish); err != nil {
		return err
	}
	n, err := r.networks.Inspect(c.name)
	if err != nil {
		return err
	}
	a, err := grammar.TakeEndpoint(n.Name, wish.EndpointConfig)
	if err != nil {
		return err
	}
	if err := r.attached.Connect(c.r.Context(), wish.Container, c.name, a); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (r networkRoutes) disconnect(c *call) error {
	var wish network.DisconnectRequest
	if err := c.decode(&wish); err != nil {
		return err
	}
	// Force is for endpoints whose container is lost, of which there are none here.
	if err := r.attached.Disconnect(c.r.Context(), wish.Container, c.name); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}
