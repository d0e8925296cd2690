package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/container"
	"berth/internal/fault"

	units "github.com/docker/go-units"
	wire "github.com/moby/moby/api/types/container"
)

func (s *Server) containerList(c *call) error {
	sel, err := s.selectContainers(c)
	if err != nil {
		return err
	}
	now := time.Now()
	out := []*wire.Summary{}
	list := s.Containers.List()
	for i := range list {
		if sel.limit > 0 && len(out) == sel.limit {
			break
		}
		if sel.keeps(&list[i]) {
			line := summaryOf(&list[i], now, c.version)
			line.Mounts = s.mountPoints(&list[i])
			out = append(out, line)
		}
	}
	return c.json(out, nil)
}

// selectContainers reads the query of a list.
func (s *Server) selectContainers(c *call) (*selection, error) {
	f, err := parseFilters(c.query.Get("filters"), "ancestor", "before", "exited", "expose", "health", "id",
		"is-task", "label", "name", "network", "publish", "since", "status", "volume")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit")
	if err != nil {
		return nil, err
	}
	sel := &selection{}
	if limit != nil && *limit > 0 {
		sel.limit = *limit
	}
	all := c.flag("all") || sel.limit > 0 || len(f["status"]) > 0 || len(f["exited"]) > 0
	if !all {
		sel.add(func(c *container.Container) bool { return c.State == container.Running })
	}
	if err := sel.addState(f); err != nil {
		return nil, err
	}
	if err := sel.addOrder(f, s.Containers); err != nil {
		return nil, err
	}
	if err := sel.addWords(f); err != nil {
		return nil, err
	}
	sel.addAncestor(c.r.Context(), f["ancestor"], s.Images)
	return sel, nil
}

// summaryOf shows one container as a line of a list.
func summaryOf(c *container.Container, now time.Time, v apiVersion) *wire.Summary {
	out := &wire.Summary{
		ID:              c.ID,
		Names:           []string{"/" + c.Name},
		Image:           c.Config.Image,
		ImageID:         c.ImageID,
		Command:         commandLine(c.Path, c.Args),
		Created:         c.Created.Unix(),
		Ports:           portSummaries(c),
		Labels:          c.Config.Labels,
		State:           statusWord(c.State),
		Status:          statusLine(c, now),
		NetworkSettings: &wire.NetworkSettingsSummary{Networks: networksOf(c)},
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if c.SizeRw != nil {
		out.SizeRw = *c.SizeRw
	}
	out.HostConfig.NetworkMode = plainNetwork(c.HostConfig.NetworkMode)
	if v.has(listHealth) {
		out.Health = &wire.HealthSummary{Status: wire.NoHealthcheck}
	}
	return out
}

// commandLine quotes arguments with blanks, as ps shows them.
func commandLine(path string, args []string) string {
	words := []string{path}
	for _, a := range args {
		if strings.Contains(a, " ") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// statusLine is the STATUS column of ps.
func statusLine(c *container.Container, now time.Time) string {
	switch c.State {
	case container.Running:
		return "Up " + units.HumanDuration(now.Sub(c.Run.Started))
	case container.Exited:
		return fmt.Sprintf("Exited (%d) %s ago", c.Run.ExitCode, units.HumanDuration(now.Sub(c.Run.Finished)))
	case container.Removing, container.Removed:
		return "Removal In Progress"
	case container.Dead:
		return "Dead"
	}
	return "Created"
}

// selection is a conjunction of conditions on containers.
type selection struct {
	limit      int
	conditions []func(*container.Container) bool
}

func (s *selection) add(f func(*container.Container) bool) { s.conditions = append(s.conditions, f) }

func (s *selection) keeps(c *container.Container) bool {
	for _, cond := range s.conditions {
		if !cond(c) {
			return false
		}
	}
	return true
}

// addAncestor keeps containers of the named images.
func (s *selection) addAncestor(ctx context.Context, refs []string, images Images) {
	if len(refs) == 0 {
		return
	}
	ids := slices.Clone(refs)
	for _, ref := range refs {
		if img, err := images.Get(ctx, ref); err == nil {
			ids = append(ids, img.ID.String())
		}
	}
	s.add(func(c *container.Container) bool {
		return slices.Contains(ids, c.ImageID) || slices.Contains(ids, c.Config.Image)
	})
}

// addOrder keeps containers made before or since others.
func (s *selection) addOrder(f filters, containers Containers) error {
	for _, key := range []string{"before", "since"} {
		for _, ref := range f[key] {
			other, err := containers.Get(ref)
			if err != nil {
				return fault.As(fault.Invalid, err)
			}
			before := key == "before"
			s.add(func(c *container.Container) bool {
				if before {
					return c.Created.Before(other.Created)
				}
				return c.Created.After(other.Created)
			})
		}
	}
	return nil
}
