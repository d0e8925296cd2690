package config

import (
	"fmt"
	"slices"
	"strings"
)

// Environment is the environment that the program gets (behaviour 43 of
// Docker): defaults first, then what image and user say. HOME comes last, from
// the user record, when nobody set it.
func Environment(c Config, home string) []string {
	env := []string{"PATH=" + defaultPath}
	if c.Hostname != "" {
		env = append(env, "HOSTNAME="+c.Hostname)
	}
	if c.Tty {
		env = append(env, "TERM=xterm")
	}
	env = MergeEnv(env, c.Env)
	if !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") }) {
		env = append(env, "HOME="+home)
	}
	return env
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Ports are the ports to publish; PublishAll takes every exposed one.
func Ports(c Config, hc HostConfig) []PortBinding {
	ports := append([]PortBinding{}, hc.PortBindings...)
	if !hc.PublishAll {
		return ports
	}
	bound := map[string]bool{}
	for _, p := range ports {
		bound[fmt.Sprintf("%d/%s", p.Port, p.Proto)] = true
	}
	for _, exposed := range c.ExposedPorts {
		var p PortBinding
		if _, err := fmt.Sscanf(strings.Replace(exposed, "/", " ", 1), "%d %s", &p.Port, &p.Proto); err != nil || bound[exposed] {
			continue
		}
		ports = append(ports, p)
	}
	return ports
}
