// Package grammar reads what a client says about a container that is to be made:
// it translates a create, checks its words as Docker's parsers do, and refuses what
// cannot be honoured yet by name rather than ignoring it.
package grammar

import (
	"bytes"
	"encoding/json"
	"net"
	"path"
	"slices"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/fault"
	"berth/internal/idmap"
)

// Body is the body of POST /containers/create, with fields that the newest
// wire type has lost and older clients may still send.
type Body struct {
	*wire.Config
	Cmd, Entrypoint  words // in the place of Config's
	Healthcheck      *HealthConfig
	HostConfig       *HostConfig
	NetworkingConfig *network.NetworkingConfig
	MacAddress       string
}

// HostConfig is Docker's, with limits that no kernel has any more, and what mounts have beyond Docker's.
type HostConfig struct {
	wire.HostConfig
	Mounts                        []idmap.Mount
	KernelMemory, KernelMemoryTCP int64
}

// Discarded are the warnings about limits that older clients may still ask for.
func (h *HostConfig) Discarded() (warnings []string) {
	if h != nil && h.KernelMemory > 0 {
		warnings = append(warnings, "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.")
	}
	if h != nil && h.KernelMemoryTCP > 0 {
		warnings = append(warnings, "Your kernel does not support kernel memory TCP limit capabilities or the cgroup is not mounted. Limitation discarded.")
	}
	return warnings
}

// HealthConfig is Docker's, and what we do to an unhealthy container beyond it.
type HealthConfig struct {
	wire.HealthConfig
	OnFailure string `json:",omitempty"` // none, restart, stop, kill
}

// healthcheck reads a check; clients that mean the image's send an empty one.
func healthcheck(h *HealthConfig) *health.Check {
	if h == nil {
		return nil
	}
	return &health.Check{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, StartInterval: h.StartInterval, Retries: h.Retries, OnFailure: h.OnFailure}
}

// words is a list of strings; a client may also send one string, which is one word.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*w = words{""}
		return json.Unmarshal(text, &(*w)[0])
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// Create translates a create, checks its grammar, and refuses what cannot be
// honoured yet. It empties body. The name and the platform, which travel in the
// query, are the caller's to add. Errors are fault.Invalid and fault.Unsupported.
func Create(body *Body) (config.CreateRequest, error) {
	var req config.CreateRequest
	if body.Config == nil && (body.Cmd != nil || body.Entrypoint != nil || body.Healthcheck != nil) {
		body.Config = &wire.Config{}
	}
	if body.Config == nil {
		return req, fault.New(fault.Invalid, "config cannot be empty in order to create a container")
	}
	body.Config.Cmd, body.Config.Entrypoint = body.Cmd, body.Entrypoint
	req.EntrypointSet = body.Entrypoint != nil
	if slices.Equal(body.Config.Entrypoint, []string{""}) {
		body.Config.Entrypoint = nil // how the client says --entrypoint ""
	}
	if err := takeConfig(body.Config, &req.Config); err != nil {
		return req, err
	}
	req.Config.Healthcheck = healthcheck(body.Healthcheck)
	req.Config.MacAddress = body.MacAddress
	if body.HostConfig == nil {
		body.HostConfig = &HostConfig{}
	}
	mode := string(body.HostConfig.NetworkMode)
	if err := takeHostConfig(body.HostConfig, &req.HostConfig); err != nil {
		return req, err
	}
	if err := checkLines(&req.Config, &req.HostConfig); err != nil {
		return req, err
	}
	if err := takeEndpoints(body.NetworkingConfig, mode, &req); err != nil {
		return req, err
	}
	return req, checkMAC(req.Config.MacAddress)
}

// takeConfig moves the portable part of a container out of from.
func takeConfig(from *wire.Config, to *config.Config) error {
	*to = config.Config{
		Image:        take(&from.Image),
		Hostname:     take(&from.Hostname),
		Domainname:   take(&from.Domainname),
		User:         take(&from.User),
		Env:          take(&from.Env),
		Cmd:          take(&from.Cmd),
		Entrypoint:   take(&from.Entrypoint),
		WorkingDir:   take(&from.WorkingDir),
		Labels:       take(&from.Labels),
		StopSignal:   take(&from.StopSignal),
		StopTimeout:  take(&from.StopTimeout),
		Shell:        take(&from.Shell),
		Tty:          take(&from.Tty),
		OpenStdin:    take(&from.OpenStdin),
		StdinOnce:    take(&from.StdinOnce),
		AttachStdin:  take(&from.AttachStdin),
		AttachStdout: take(&from.AttachStdout),
		AttachStderr: take(&from.AttachStderr),

		NetworkDisabled: take(&from.NetworkDisabled),
		OnBuild:         take(&from.OnBuild),
	}
	from.ArgsEscaped = false // says something of Windows' command lines only
	for port := range take(&from.ExposedPorts) {
		if err := checkPort(port); err != nil {
			return err
		}
		to.ExposedPorts = append(to.ExposedPorts, port.String())
	}
	slices.Sort(to.ExposedPorts)
	for target := range take(&from.Volumes) {
		if err := checkTarget(path.Join("/", target), "volume"); err != nil {
			return err
		}
		to.Volumes = append(to.Volumes, target)
	}
	slices.Sort(to.Volumes)
	return refuseRest("Config", from)
}

// checkMAC refuses an address that no Ethernet interface can have.
func checkMAC(word string) error {
	if word == "" {
		return nil
	}
	if mac, err := net.ParseMAC(word); err != nil || len(mac) != 6 {
		return fault.New(fault.Invalid, "address %s: invalid MAC address", word)
	} else if mac[0]&1 != 0 || bytes.Equal(mac, make([]byte, 6)) {
		return fault.New(fault.Invalid, "address %s: an interface cannot have it", word)
	}
	return nil
}

// PlainNetwork gives the default network's three names one.
func PlainNetwork(name string) string {
	if name == "" || name == "default" {
		return "bridge"
	}
	return name
}
