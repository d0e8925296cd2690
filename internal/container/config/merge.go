package config

import (
	"maps"
	"slices"
	"strings"

	"berth/internal/container/health"
	"berth/internal/fault"
)

// Merge fills what the user left out from the image, by Docker's rules.
func Merge(req CreateRequest, img Image, id string) (Config, error) {
	if img.Unsupported != "" {
		return Config{}, fault.New(fault.Unsupported, "%s", img.Unsupported)
	}
	c := req.Config
	c.Env = MergeEnv(img.Env, c.Env)
	if len(c.Entrypoint) == 0 && !req.EntrypointSet {
		c.Entrypoint = img.Entrypoint
		if len(c.Cmd) == 0 {
			c.Cmd = img.Cmd
		}
	}
	if c.User == "" {
		c.User = img.User
	}
	if c.WorkingDir == "" {
		c.WorkingDir = img.WorkingDir
	}
	if c.StopSignal == "" {
		c.StopSignal = img.StopSignal
	}
	if len(c.Shell) == 0 {
		c.Shell = img.Shell
	}
	c.Healthcheck = health.Merge(c.Healthcheck, img.Healthcheck)
	if err := c.Healthcheck.Validate(); err != nil {
		return Config{}, err
	}
	labels := maps.Clone(img.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, c.Labels)
	c.Labels = labels
	c.ExposedPorts = union(c.ExposedPorts, img.ExposedPorts)
	c.Volumes = union(c.Volumes, img.Volumes)
	if c.Hostname == "" && req.HostConfig.NetworkMode != "host" && req.HostConfig.UTSMode != "host" && !strings.HasPrefix(req.HostConfig.NetworkMode, "container:") {
		c.Hostname = id[:12]
	}
	return c, nil
}

func union(a, b []string) []string {
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}

// MergeEnv replaces equal names of base and appends the rest. A word without
// "=" removes the variable.
func MergeEnv(base, over []string) []string {
	env := slices.Clone(base)
	at := make(map[string]int, len(env)+len(over))
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		at[name] = i
	}
	for _, kv := range over {
		name, _, set := strings.Cut(kv, "=")
		i, known := at[name]
		switch {
		case !set && known:
			env[i] = ""
			delete(at, name)
		case !set:
		case known:
			env[i] = kv
		default:
			at[name] = len(env)
			env = append(env, kv)
		}
	}
	return slices.DeleteFunc(env, func(kv string) bool { return kv == "" })
}
