package show

import (
	"encoding/json"
	"time"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/server/compat"
	"berth/internal/server/grammar"
)

// inspect is Docker's answer with what is beyond it in the configuration.
type inspect struct {
	*wire.InspectResponse
	HostConfig *ShownHostConfig
	Config     shownConfig
}

// ShownHostConfig is Docker's with what mounts have beyond it.
type ShownHostConfig struct {
	*wire.HostConfig
	Mounts []json.RawMessage `json:",omitempty"`
}

type shownConfig struct {
	*wire.Config
	Healthcheck *grammar.HealthConfig `json:",omitempty"`
}

// healthcheck shows a check as it can be sent again.
func healthcheck(c *health.Check) *grammar.HealthConfig {
	if c == nil {
		return nil
	}
	return &grammar.HealthConfig{OnFailure: c.OnFailure, HealthConfig: wire.HealthConfig{
		Test: c.Test, Interval: c.Interval, Timeout: c.Timeout, StartPeriod: c.StartPeriod, StartInterval: c.StartInterval, Retries: c.Retries,
	}}
}

// Inspect shows everything about a container: a wire.InspectResponse with what is ours,
// and what older clients look for beside it.
func Inspect(c *container.Container, volumeDir func(name string) string, v compat.Version) any {
	answer := inspectResponse(c)
	answer.Mounts = MountPoints(c, volumeDir)
	extended := inspect{InspectResponse: answer, HostConfig: hostConfigOf(c), Config: shownConfig{answer.Config, healthcheck(c.Config.Healthcheck)}}
	if v.Has(compat.NoLegacyNetwork) {
		return extended
	}
	answer.GraphDriver = &storage.DriverData{Name: c.Driver}
	return legacyInspect{inspect: extended, NetworkSettings: legacyNetworkOf(c, answer.NetworkSettings)}
}

func inspectResponse(c *container.Container) *wire.InspectResponse {
	return &wire.InspectResponse{
		ID:              c.ID,
		Created:         c.Created.UTC().Format(time.RFC3339Nano),
		Path:            c.Path,
		Args:            OrEmpty(c.Args),
		State:           stateOf(c),
		Image:           c.ImageID,
		ResolvConfPath:  c.ResolvConfPath,
		HostnamePath:    c.HostnamePath,
		HostsPath:       c.HostsPath,
		LogPath:         c.LogPath,
		Name:            "/" + c.Name,
		RestartCount:    c.Restarts,
		Driver:          c.Driver,
		Platform:        "linux",
		ExecIDs:         c.Execs,
		SizeRw:          c.SizeRw,
		SizeRootFs:      c.SizeRootFs,
		Config:          wireConfig(&c.Config),
		NetworkSettings: networkSettings(c),
	}
}

// stateOf computes Docker's booleans.
func stateOf(c *container.Container) *wire.State {
	return &wire.State{
		Status:     Status(c),
		Running:    Up(c),
		Paused:     c.State == container.Paused,
		Restarting: Status(c) == wire.StateRestarting,
		Dead:       c.State == container.Dead,
		OOMKilled:  c.Run.OOMKilled,
		Pid:        c.Run.Pid,
		ExitCode:   c.Run.ExitCode,
		Error:      c.Run.Error,
		StartedAt:  c.Run.Started.UTC().Format(time.RFC3339Nano),
		FinishedAt: c.Run.Finished.UTC().Format(time.RFC3339Nano),
		Health:     healthOf(c),
	}
}

// healthOf is nil for a container without a check, or that never ran.
func healthOf(c *container.Container) *wire.Health {
	if c.Health == nil {
		return nil
	}
	h := &wire.Health{Status: wire.HealthStatus(c.Health.Status), FailingStreak: c.Health.FailingStreak, Log: []*wire.HealthcheckResult{}}
	for _, r := range c.Health.Log {
		h.Log = append(h.Log, (*wire.HealthcheckResult)(&r))
	}
	return h
}

// Status is Docker's word for a container's state. One that is being started by its
// policy is restarting until it runs, and any other what it was before.
func Status(c *container.Container) wire.ContainerState {
	switch {
	case c.State == container.Starting && c.Restarts > 0:
		return wire.StateRestarting
	case c.State == container.Starting && !c.Run.Finished.IsZero():
		return wire.StateExited
	case c.State == container.Starting:
		return wire.StateCreated
	case c.State == container.Removed:
		return wire.StateRemoving
	}
	return wire.ContainerState(c.State)
}

// Up reports what counts as running: Docker's Running, which ps shows without -a.
func Up(c *container.Container) bool {
	s := Status(c)
	return s == wire.StateRunning || s == wire.StatePaused || s == wire.StateRestarting
}

func wireConfig(c *config.Config) *wire.Config {
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

		NetworkDisabled: c.NetworkDisabled,
		OnBuild:         c.OnBuild,
		Shell:           c.Shell,
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
