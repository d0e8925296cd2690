package show

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/container"
	"berth/internal/server/compat"
	"berth/internal/server/grammar"

	units "github.com/docker/go-units"
	wire "github.com/moby/moby/api/types/container"
)

// Summary shows one container as a line of a list, without its mounts.
func Summary(c *container.Container, now time.Time, v compat.Version) *wire.Summary {
	out := &wire.Summary{
		ID:              c.ID,
		Names:           []string{"/" + c.Name},
		Image:           c.Config.Image,
		ImageID:         c.ImageID,
		Command:         commandLine(c.Path, c.Args),
		Created:         c.Created.Unix(),
		Ports:           Ports(c),
		Labels:          c.Config.Labels,
		State:           Status(c),
		Status:          StatusLine(c, now),
		NetworkSettings: &wire.NetworkSettingsSummary{Networks: Networks(c)},
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if c.SizeRw != nil {
		out.SizeRw, out.SizeRootFs = *c.SizeRw, *c.SizeRootFs
	}
	out.HostConfig.NetworkMode = grammar.PlainNetwork(c.HostConfig.NetworkMode)
	if v.Has(compat.ListHealth) {
		out.Health = &wire.HealthSummary{Status: HealthStatus(c)}
		if c.Health != nil {
			out.Health.FailingStreak = c.Health.FailingStreak
		}
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

// HealthStatus is how a container is, as far as its probes tell.
func HealthStatus(c *container.Container) wire.HealthStatus {
	if c.Health == nil {
		return wire.NoHealthcheck
	}
	return wire.HealthStatus(c.Health.Status)
}

// healthWord is what ps shows of it.
func healthWord(c *container.Container) string {
	switch s := HealthStatus(c); s {
	case wire.NoHealthcheck:
		return ""
	case wire.Starting:
		return " (health: starting)"
	default:
		return " (" + string(s) + ")"
	}
}

// StatusLine is the STATUS column of ps.
func StatusLine(c *container.Container, now time.Time) string {
	if Status(c) == wire.StateRestarting {
		return fmt.Sprintf("Restarting (%d) %s ago", c.Run.ExitCode, units.HumanDuration(now.Sub(c.Run.Finished)))
	}
	switch container.State(Status(c)) {
	case container.Running:
		return "Up " + units.HumanDuration(now.Sub(c.Run.Started)) + healthWord(c)
	case container.Paused:
		return "Up " + units.HumanDuration(now.Sub(c.Run.Started)) + " (Paused)"
	case container.Exited:
		return fmt.Sprintf("Exited (%d) %s ago", c.Run.ExitCode, units.HumanDuration(now.Sub(c.Run.Finished)))
	case container.Removing, container.Removed:
		return "Removal In Progress"
	case container.Dead:
		return "Dead"
	}
	return "Created"
}
