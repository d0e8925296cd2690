package container

import (
	"strings"

	"berth/internal/container/config"
	"berth/internal/container/index"
	"berth/internal/container/provision"
	"berth/internal/fault"
)

// neighbours are containers that share something with others.
type neighbours struct{ *index.Index[*entry] }

func neighboursOf(x *index.Index[*entry]) neighbours { return neighbours{x} }

// resolve puts the IDs in the place of the names of containers with which something is to
// be shared, and takes their mounts over. That there is no such network is for the start to say, as in
// Docker: to clients, a create that answers "not found" speaks of the image, and they pull it.
func (x neighbours) resolve(h *config.HostConfig) error {
	if name, shared := strings.CutPrefix(h.NetworkMode, "container:"); shared {
		if other, err := x.Find(name); err == nil {
			h.NetworkMode = "container:" + other.id
		}
	}
	for _, mode := range []*string{&h.PidMode, &h.IpcMode} {
		name, shared := strings.CutPrefix(*mode, "container:")
		if !shared {
			continue
		}
		other, err := x.Find(name)
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		*mode = "container:" + other.id
	}
	if err := x.link(h); err != nil {
		return err
	}
	return config.Inherit(h, func(name string) (string, []config.Mount, error) {
		other, err := x.Find(name)
		if err != nil {
			return "", nil, err
		}
		return other.id, other.snapshot().HostConfig.Mounts, nil
	})
}

// neighbour finds a container that another one shares something with.
func (x neighbours) neighbour(id string) (Container, *provision.Holdings, error) {
	e, err := x.Find(id)
	if err != nil {
		return Container{}, nil, err
	}
	if l := e.live.Load(); l != nil {
		return e.snapshot(), &l.Holdings, nil
	}
	return e.snapshot(), nil, nil
}
