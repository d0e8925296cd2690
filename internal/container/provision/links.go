package provision

import (
	"path"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/fault"
)

// linked is the container with what it knows of those that it is linked to: in its environment and its hosts. One that
// does not run, or has been removed, cannot be linked to.
func (h *Host) linked(c record.Container) (record.Container, error) {
	if len(c.HostConfig.Links) == 0 || !OnBridge(c.HostConfig) {
		return c, nil
	}
	var env, hosts []string
	for _, l := range c.HostConfig.Links {
		to, runs := h.linkedTo(c, l)
		if !runs {
			return c, fault.New(fault.Internal, "Cannot link to a non running container: /%s AS %s", to.Name, path.Join("/", c.Name, l.Alias))
		}
		env, hosts = append(env, to.Environment()...), append(hosts, to.Names()+"="+to.Address)
	}
	c.Config.Env = config.MergeEnv(env, c.Config.Env)
	c.HostConfig.ExtraHosts = append(append([]string{}, c.HostConfig.ExtraHosts...), hosts...)
	return c, nil
}

// linkEnvironment is the environment with what the container knows of those linked to it that run.
func (h *Host) linkEnvironment(c record.Container) []string {
	if !OnBridge(c.HostConfig) {
		return c.Config.Env
	}
	var env []string
	for _, l := range c.HostConfig.Links {
		if to, runs := h.linkedTo(c, l); runs {
			env = append(env, to.Environment()...)
		}
	}
	return config.MergeEnv(env, c.Config.Env)
}

func (h *Host) linkedTo(c record.Container, l config.Link) (to config.LinkedTo, runs bool) {
	other, held, err := h.find(l.ID)
	if err != nil || other.ID != l.ID {
		return config.LinkedTo{Link: l}, false
	}
	l.Name = other.Name
	to = config.LinkedTo{Link: l, Parent: c.Name, Config: other.Config, Address: other.Primary().Address.Addr().String()}
	return to, held != nil && other.Primary().Address.IsValid()
}

// OnBridge reports whether a container has the default network, where links are.
func OnBridge(h config.HostConfig) bool {
	return h.NetworkMode == "" || h.NetworkMode == "default" || h.NetworkMode == "bridge"
}
