package filter

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/server/show"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// addState adds the filters status, exited, health and is-task.
func (s *Selection) addState(f Set) error {
	for _, word := range f["status"] {
		if err := wire.ValidateContainerState(wire.ContainerState(word)); err != nil {
			return fault.Wrap(fault.Invalid, err, "invalid filter 'status=%s'", word)
		}
	}
	if words := f["status"]; len(words) > 0 {
		s.add(func(c *container.Container) bool { return slices.Contains(words, string(show.Status(c))) })
	}
	var codes []int
	for _, word := range f["exited"] {
		code, err := strconv.Atoi(word)
		if err != nil {
			return fault.New(fault.Invalid, "invalid filter 'exited=%s'", word)
		}
		codes = append(codes, code)
	}
	if len(codes) > 0 {
		s.add(func(c *container.Container) bool {
			return show.Status(c) == wire.StateExited && slices.Contains(codes, c.Run.ExitCode)
		})
	}
	for _, word := range f["health"] {
		if err := wire.ValidateHealthStatus(wire.HealthStatus(word)); err != nil {
			return fault.Wrap(fault.Invalid, err, "invalid filter 'health=%s'", word)
		}
	}
	if words := f["health"]; len(words) > 0 {
		s.add(func(c *container.Container) bool { return slices.Contains(words, string(show.HealthStatus(c))) })
	}
	task, ok, err := f.Bool("is-task")
	if ok {
		s.add(func(*container.Container) bool { return !task }) // there are no services yet
	}
	return err
}

// addWords adds the filters on names, IDs, labels, networks, volumes and ports.
func (s *Selection) addWords(f Set) error {
	if err := s.addNames(f["name"]); err != nil {
		return err
	}
	if ids := f["id"]; len(ids) > 0 {
		s.add(func(c *container.Container) bool {
			return slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(c.ID, id) })
		})
	}
	if labels := f["label"]; len(labels) > 0 {
		s.add(func(c *container.Container) bool { return Labels(labels, c.Config.Labels) })
	}
	if nets := f["network"]; len(nets) > 0 {
		s.add(func(c *container.Container) bool { return onNetwork(c, nets) })
	}
	if volumes := f["volume"]; len(volumes) > 0 {
		s.add(func(c *container.Container) bool { return hasMount(c, volumes) })
	}
	return s.addPorts(f)
}

func (s *Selection) addNames(words []string) error {
	if len(words) == 0 {
		return nil
	}
	var patterns []*regexp.Regexp
	for _, w := range words {
		p, err := regexp.Compile(w)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "invalid filter 'name=%s'", w)
		}
		patterns = append(patterns, p)
	}
	s.add(func(c *container.Container) bool {
		return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool {
			return p.MatchString(c.Name) || p.MatchString("/"+c.Name)
		})
	})
	return nil
}

func onNetwork(c *container.Container, names []string) bool {
	for name, e := range show.Networks(c) {
		if slices.Contains(names, name) || e.NetworkID != "" && slices.Contains(names, e.NetworkID) {
			return true
		}
	}
	return false
}

func hasMount(c *container.Container, words []string) bool {
	for i := range c.HostConfig.Mounts {
		m := &c.HostConfig.Mounts[i]
		if slices.Contains(words, m.Target) || slices.Contains(words, m.Source) {
			return true
		}
	}
	return false
}

// addPorts keeps containers that publish or expose one of the given ports.
func (s *Selection) addPorts(f Set) error {
	wanted := map[string]bool{} // "publish 80/tcp"
	for _, key := range []string{"publish", "expose"} {
		for _, word := range f[key] {
			ports, err := network.ParsePortRange(word)
			if err != nil {
				return fault.Wrap(fault.Invalid, err, "invalid filter '%s=%s'", key, word)
			}
			for p := range ports.All() {
				wanted[key+" "+p.String()] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	s.add(func(c *container.Container) bool {
		for _, p := range show.Ports(c) {
			if wanted[fmt.Sprintf("publish %d/%s", p.PublicPort, p.Type)] || wanted[fmt.Sprintf("expose %d/%s", p.PrivatePort, p.Type)] {
				return true
			}
		}
		return false
	})
	return nil
}
