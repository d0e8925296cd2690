// Package record is what is known of a container: what every reader gets a copy
// of, and what is written down.
package record

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/container/restart"
)

// Container is a snapshot of one container. Readers get copies and never wait
// for a running verb.
type Container struct {
	ID                                      string // 64 hex digits
	Name                                    string // without the leading slash
	Created                                 time.Time
	ImageID                                 string // digest of the image's manifest or index
	Manifest                                string `json:",omitempty"` // of the image's, which it runs; "" for the one that the host runs
	Config                                  config.Config
	HostConfig                              config.HostConfig
	State                                   State
	Wanted                                  Wanted                       // whether the user wants it up
	Run                                     Run                          // the present or last run
	Networks                                map[string]config.Attachment // what was asked of networks, by their names or IDs; nil is the one of the mode
	Endpoints                               []Endpoint                   // of the present or last run, that on the network of its mode first
	Began                                   *Began                       `json:",omitempty"` // with the record of a run until its end
	Restarts                                int                          // by its policy, since it was started by hand
	Restart                                 restart.Memory
	Health                                  *health.State `json:"-"` // nil without a check, or before the first run
	Path                                    string        // the program as run
	Args                                    []string      // its arguments
	LogPath                                 string
	HostsPath, HostnamePath, ResolvConfPath string
	SizeRw, SizeRootFs                      *int64 // bytes of its layer, and with the image; both set when asked for
	Driver                                  string // "overlayfs"
	Execs                                   []string
	Revision                                uint64 `json:"-"` // of this snapshot: no two of one container have the same in one daemon; 0 for one that is none
}

// Root names what the layers below the container's own one are of: the image, or one of its manifests.
func (c *Container) Root() string { return cmp.Or(c.Manifest, c.ImageID) }

// Run is one run of a container's program.
type Run struct {
	Pid       int // 0 when not running
	Started   time.Time
	Finished  time.Time
	ExitCode  int
	OOMKilled bool
	Error     string // why the start failed, for State.Error
}

// Began is what a start that comes to nothing is taken back with: whoever finds the record of a run
// that the same keeper knows nothing of has found one that never was.
type Began struct {
	Keeper string // which keeper was asked: keeper.Life
	Before Run    // the run before this one
}

// Endpoint is how a running container is connected.
type Endpoint struct {
	Network    string // its name; "none" and "host" have no addresses
	NetworkID  string
	EndpointID string
	Address    netip.Prefix
	Gateway    netip.Addr
	MAC        string
	Link       int                  `json:",omitempty"` // its interface's number
	HostLink   string               // name of the bridge port in the host's namespace
	Ports      []config.PortBinding // as bound, host ports filled in
}

// Primary is the endpoint on the network of the container's mode; zero without one.
func (c *Container) Primary() Endpoint {
	if len(c.Endpoints) == 0 {
		return Endpoint{}
	}
	return c.Endpoints[0]
}

// Connected reports whether the container has an address.
func (c *Container) Connected() bool {
	return slices.ContainsFunc(c.Endpoints, func(e Endpoint) bool { return e.Address.IsValid() })
}

// Published are the ports of a run, as bound.
func (c *Container) Published() []config.PortBinding {
	for i := range c.Endpoints {
		if ports := c.Endpoints[i].Ports; len(ports) > 0 {
			return ports
		}
	}
	return nil
}

// Left are the endpoints of a run that has ended: the networks that it was on.
func Left(list []Endpoint) []Endpoint {
	var out []Endpoint
	for _, e := range list {
		out = append(out, Endpoint{Network: e.Network, NetworkID: e.NetworkID})
	}
	return out
}
