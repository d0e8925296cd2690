package instruction

import (
	"maps"
	"slices"
	"strings"
)

// Commit is the config of an image that is made of a container: the instructions apply to what
// the request asks for, and to the container's own config when it asks for nothing; then
// the container's fills in what is left out, by Docker's rules.
func Commit(asked *Config, own Config, changes []string) (Config, error) {
	cfg := clone(own)
	if asked != nil {
		cfg = clone(*asked)
	}
	if err := Apply(&cfg, changes); err != nil {
		return Config{}, err
	}
	fill(&cfg, own)
	return cfg, nil
}

// clone is a config that may be changed.
func clone(c Config) Config {
	c.Env, c.OnBuild = slices.Clone(c.Env), slices.Clone(c.OnBuild)
	c.Labels, c.Volumes, c.ExposedPorts = maps.Clone(c.Labels), maps.Clone(c.Volumes), maps.Clone(c.ExposedPorts)
	return c
}

func fill(cfg *Config, own Config) {
	if cfg.User == "" {
		cfg.User = own.User
	}
	if cfg.WorkingDir == "" {
		cfg.WorkingDir = own.WorkingDir
	}
	if cfg.StopSignal == "" {
		cfg.StopSignal = own.StopSignal
	}
	cfg.ExposedPorts = union(cfg.ExposedPorts, own.ExposedPorts)
	cfg.Volumes = union(cfg.Volumes, own.Volumes)
	cfg.Labels = union(cfg.Labels, own.Labels)
	for _, env := range own.Env {
		name, _, _ := strings.Cut(env, "=")
		if !slices.ContainsFunc(cfg.Env, func(e string) bool { return e == name || strings.HasPrefix(e, name+"=") }) {
			cfg.Env = append(cfg.Env, env)
		}
	}
	if len(cfg.Entrypoint) == 0 {
		if len(cfg.Cmd) == 0 {
			cfg.Cmd = own.Cmd
		}
		if cfg.Entrypoint == nil {
			cfg.Entrypoint = own.Entrypoint
		}
	}
	fillHealth(cfg, own)
}

// union is both maps; of two values for one key the first map's.
func union[V any](a, b map[string]V) map[string]V {
	if len(b) == 0 {
		return a
	}
	u := maps.Clone(b)
	maps.Copy(u, a)
	return u
}

// fillHealth takes each part of the health check that is left out.
func fillHealth(cfg *Config, own Config) {
	if own.Healthcheck == nil {
		return
	}
	if cfg.Healthcheck == nil {
		h := *own.Healthcheck
		cfg.Healthcheck = &h
		return
	}
	h, from := cfg.Healthcheck, own.Healthcheck
	if len(h.Test) == 0 {
		h.Test = from.Test
	}
	if h.Interval == 0 {
		h.Interval = from.Interval
	}
	if h.Timeout == 0 {
		h.Timeout = from.Timeout
	}
	if h.StartPeriod == 0 {
		h.StartPeriod = from.StartPeriod
	}
	if h.StartInterval == 0 {
		h.StartInterval = from.StartInterval
	}
	if h.Retries == 0 {
		h.Retries = from.Retries
	}
}
