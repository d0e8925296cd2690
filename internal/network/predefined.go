//go:build linux

package network

import (
	"strconv"
	"time"

	"berth/internal/network/definition"
)

// predefined makes the networks that are there by themselves.
type predefined struct {
	root   string    // the daemon's exec root
	opened time.Time // is told as their creation
	mtu    int
}

// id is a predefined network's: derived, so that it needs no file.
func (p predefined) id(name string) string { return derive("network", p.root, name) }

// plain is a network that is there by itself.
func (p predefined) plain(name, driver string) definition.Definition {
	return definition.Definition{
		ID: p.id(name), Name: name, Driver: driver, Created: p.opened,
		IPAM: definition.IPAM{Driver: "default"}, Options: map[string]string{}, Labels: map[string]string{},
	}
}

// bridge is the default network once its bridge is there.
func (p predefined) bridge(b *bridge) definition.Definition {
	d := p.plain(Default, "bridge")
	d.IPAM.Subnet, d.IPAM.Gateway = b.subnet(), b.gateway()
	d.Options = map[string]string{
		definition.DefaultLink: "true",
		definition.ICC:         "true",
		definition.Masquerade:  "true",
		definition.HostBinding: "0.0.0.0",
		definition.BridgeName:  b.name,
		definition.MTU:         strconv.Itoa(p.mtu),
	}
	return d
}
