package server

import (
	"cmp"
	"net"
	"path"
	"strings"
	"time"

	"berth/internal/container"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"
)

// legacyInspect is inspect before network settings of the default bridge left.
type legacyInspect struct {
	*wire.InspectResponse
	NetworkSettings *legacyNetwork
}

// legacyNetwork repeats the default bridge's endpoint beside Networks.
type legacyNetwork struct {
	*wire.NetworkSettings
	Bridge                 string
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	SecondaryIPAddresses   []string
	SecondaryIPv6Addresses []string
	EndpointID             string
	Gateway                string
	GlobalIPv6Address      string
	GlobalIPv6PrefixLen    int
	IPAddress              string
	IPPrefixLen            int
	IPv6Gateway            string
	MacAddress             string
}

func (s *Server) containerInspect(c *call) error {
	found, err := s.Containers.Get(c.name)
	if err != nil {
		return err
	}
	answer := inspectResponse(&found)
	answer.Mounts = s.mountPoints(&found)
	if c.version.has(noLegacyNetwork) {
		return c.json(answer, nil)
	}
	answer.GraphDriver = &storage.DriverData{Name: found.Driver}
	return c.json(legacyInspect{InspectResponse: answer, NetworkSettings: legacyNetworkOf(&found, answer.NetworkSettings)}, nil)
}

func legacyNetworkOf(c *container.Container, settings *wire.NetworkSettings) *legacyNetwork {
	l := &legacyNetwork{NetworkSettings: settings}
	if e := &c.Endpoint; c.State == container.Running && e.Network == "bridge" {
		l.EndpointID, l.MacAddress = e.EndpointID, e.MAC
		if e.Address.IsValid() {
			l.IPAddress, l.IPPrefixLen = e.Address.Addr().String(), e.Address.Bits()
		}
		if e.Gateway.IsValid() {
			l.Gateway = e.Gateway.String()
		}
	}
	return l
}

// inspectResponse shows everything about a container.
func inspectResponse(c *container.Container) *wire.InspectResponse {
	return &wire.InspectResponse{
		ID:             c.ID,
		Created:        c.Created.UTC().Format(time.RFC3339Nano),
		Path:           c.Path,
		Args:           orEmpty(c.Args),
		State:          stateOf(c),
		Image:          c.ImageID,
		ResolvConfPath: c.ResolvConfPath,
		HostnamePath:   c.HostnamePath,
		HostsPath:      c.HostsPath,
		LogPath:        c.LogPath,
		Name:           "/" + c.Name,
		RestartCount:   c.Restarts,
		Driver:         c.Driver,
		Platform:       "linux",
		ExecIDs:        c.Execs,
		HostConfig:     wireHostConfig(&c.HostConfig),
		SizeRw:         c.SizeRw,
		Config:         wireConfig(&c.Config),
		NetworkSettings: &wire.NetworkSettings{
			Ports:    inspectPorts(c),
			Networks: networksOf(c),
		},
	}
}

// stateOf computes Docker's booleans.
func stateOf(c *container.Container) *wire.State {
	return &wire.State{
		Status:     statusWord(c.State),
		Running:    c.State == container.Running,
		Dead:       c.State == container.Dead,
		OOMKilled:  c.Run.OOMKilled,
		Pid:        c.Run.Pid,
		ExitCode:   c.Run.ExitCode,
		Error:      c.Run.Error,
		StartedAt:  c.Run.Started.UTC().Format(time.RFC3339Nano),
		FinishedAt: c.Run.Finished.UTC().Format(time.RFC3339Nano),
	}
}

// statusWord is Docker's word for a state.
func statusWord(s container.State) wire.ContainerState {
	switch s {
	case container.Starting:
		return wire.StateCreated
	case container.Removed:
		return wire.StateRemoving
	}
	return wire.ContainerState(s)
}

func wireConfig(c *container.Config) *wire.Config {
	out := &wire.Config{
		Hostname:     c.Hostname,
		Domainname:   c.Domainname,
		User:         c.User,
		AttachStdin:  c.AttachStdin,
		AttachStdout: c.AttachStdout,
		AttachStderr: c.AttachStderr,
		Tty:          c.Tty,
		OpenStdin:    c.OpenStdin,
		StdinOnce:    c.StdinOnce,
		Env:          c.Env,
		Cmd:          c.Cmd,
		Image:        c.Image,
		WorkingDir:   c.WorkingDir,
		Entrypoint:   c.Entrypoint,
		Labels:       c.Labels,
		StopSignal:   c.StopSignal,
		StopTimeout:  c.StopTimeout,
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if len(c.ExposedPorts) > 0 {
		out.ExposedPorts = network.PortSet{}
	}
	for _, word := range c.ExposedPorts {
		if p, err := network.ParsePort(word); err == nil {
			out.ExposedPorts[p] = struct{}{}
		}
	}
	if len(c.Volumes) > 0 {
		out.Volumes = map[string]struct{}{}
	}
	for _, v := range c.Volumes {
		out.Volumes[v] = struct{}{}
	}
	return out
}

// networksOf shows the one network of a container, with addresses while it runs.
func networksOf(c *container.Container) map[string]*network.EndpointSettings {
	mode := c.HostConfig.NetworkMode
	if strings.HasPrefix(mode, "container:") {
		return map[string]*network.EndpointSettings{}
	}
	name := cmp.Or(c.Endpoint.Network, plainNetwork(mode))
	e := &network.EndpointSettings{NetworkID: c.Endpoint.NetworkID}
	if c.State == container.Running {
		e.EndpointID, e.Gateway = c.Endpoint.EndpointID, c.Endpoint.Gateway
		if c.Endpoint.Address.IsValid() {
			e.IPAddress, e.IPPrefixLen = c.Endpoint.Address.Addr(), c.Endpoint.Address.Bits()
		}
		if mac, err := net.ParseMAC(c.Endpoint.MAC); err == nil {
			e.MacAddress = network.HardwareAddr(mac)
		}
	}
	return map[string]*network.EndpointSettings{name: e}
}

// inspectPorts shows ports while they are held: bound ones, and exposed ones with null.
func inspectPorts(c *container.Container) network.PortMap {
	if c.State != container.Running {
		return network.PortMap{}
	}
	m := portMap(c.Endpoint.Ports, true)
	for _, word := range c.Config.ExposedPorts {
		if p, err := network.ParsePort(word); err == nil {
			if _, ok := m[p]; !ok {
				m[p] = nil
			}
		}
	}
	return m
}

// mountPoints shows the user's mounts; Mode holds the words of -v.
func (s *Server) mountPoints(c *container.Container) []wire.MountPoint {
	out := []wire.MountPoint{}
	for i := range c.HostConfig.Mounts {
		m := &c.HostConfig.Mounts[i]
		p := wire.MountPoint{
			Type:        mount.Type(m.Type),
			Source:      m.Source,
			Destination: m.Target,
			Mode:        bindMode(c.HostConfig.Binds, m.Target),
			RW:          !m.ReadOnly,
			Propagation: mount.Propagation(m.Propagation),
		}
		switch m.Type {
		case "volume":
			p.Name, p.Source, p.Driver = m.Source, "", "local"
			if s.VolumeDir != nil {
				p.Source = s.VolumeDir(m.Source)
			}
		case "bind":
			p.Propagation = cmp.Or(p.Propagation, mount.PropagationRPrivate)
		}
		out = append(out, p)
	}
	return out
}

func bindMode(binds []string, target string) string {
	for _, word := range binds {
		if parts := strings.Split(word, ":"); len(parts) == 3 && path.Clean(parts[1]) == target {
			return parts[2]
		}
	}
	return ""
}

// orEmpty makes null an empty list, where Docker never answers null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
