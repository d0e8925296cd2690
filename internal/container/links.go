package container

import (
	"context"
	"os"
	"slices"
	"strings"

	"berth/internal/container/config"
	"berth/internal/container/provision"
	"berth/internal/fault"
)

// link puts IDs in the place of the names of linked containers. Of two with one alias the first counts. One that shares
// another's network stands for that one.
func (x neighbours) link(h *config.HostConfig) error {
	var links []config.Link
	for _, l := range h.Links {
		other, err := x.Find(l.Name)
		for range 16 { // those that share in a circle cannot run
			if err != nil {
				break
			}
			id, shares := strings.CutPrefix(other.snapshot().HostConfig.NetworkMode, "container:")
			if !shares {
				break
			}
			other, err = x.Find(id)
		}
		if err != nil { // not NotFound: to clients that speaks of the image
			return fault.New(fault.Invalid, "could not get container for %s: %v", l.Name, err)
		}
		if other.snapshot().HostConfig.NetworkMode == "host" {
			return fault.New(fault.Invalid, "conflicting options: host type networking can't be used with links. This would result in undefined behavior")
		}
		if !slices.ContainsFunc(links, func(had config.Link) bool { return had.Alias == l.Alias }) {
			links = append(links, config.Link{ID: other.id, Alias: l.Alias, Name: other.snapshot().Name})
		}
	}
	h.Links = links
	return nil
}

// named are links with what the linked ones are called now, or were when they were linked to.
func (x neighbours) named(links []config.Link) []config.Link {
	named := slices.Clone(links)
	for i, l := range named {
		if other, err := x.Find(l.ID); err == nil && other.id == l.ID {
			named[i].Name = other.snapshot().Name
		}
	}
	return named
}

// Unlink takes a link away: ref is PARENT/ALIAS. What the parent runs keeps what it knows.
func (s Changes) Unlink(ctx context.Context, ref string) error {
	parent, alias, is := strings.Cut(strings.TrimPrefix(ref, "/"), "/")
	if !is {
		if _, err := s.index.Find(ref); err != nil {
			return err
		}
		return fault.New(fault.Internal, "Conflict, cannot remove the default link name of the container")
	}
	none := fault.New(fault.NotFound, "No such container: %s", ref)
	e, err := s.index.Find(parent)
	if err != nil {
		return none
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	c := e.snapshot()
	links := slices.DeleteFunc(slices.Clone(c.HostConfig.Links), func(l config.Link) bool { return l.Alias == alias })
	if len(links) == len(c.HostConfig.Links) || c.State == Removed {
		return none
	}
	c.HostConfig.Links = links
	if err := s.deps.Store.Commit(put(c)); err != nil {
		return fault.Wrap(fault.Internal, err, "the link cannot be removed")
	}
	e.change(func(c *Container) { c.HostConfig.Links = links })
	s.host.Warmth().Forget(e.id) // what was got ready for its start knows the link
	return nil
}

// relink writes the address of a run that has begun into the hosts of those that run with a link to it.
func (s runs) relink(to Container) {
	for _, e := range s.index.All() {
		c := e.snapshot()
		if e.live.Load() == nil || !provision.OnBridge(c.HostConfig) {
			continue
		}
		for _, l := range c.HostConfig.Links {
			if l.ID != to.ID {
				continue
			}
			if err := rewriteHosts(c.HostsPath, l.Alias, to.Primary().Address.Addr().String()); err != nil {
				s.deps.Warn("container %s: the hosts file does not have the new address of %s: %v", c.ID, to.Name, err)
			}
		}
	}
}

// rewriteHosts changes the address of a name in a hosts file, in place: it is mounted.
func rewriteHosts(path, alias, address string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(text), "\n")
	for i, line := range lines {
		if had, names, ok := strings.Cut(line, "\t"); ok && had != address && strings.HasPrefix(names, alias+" ") {
			lines[i] = address + "\t" + names
		}
	}
	now := strings.Join(lines, "")
	if now == string(text) {
		return nil
	}
	return os.WriteFile(path, []byte(now), 0o644)
}
