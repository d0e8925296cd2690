package config

import (
	"path"
	"runtime"
	"strings"

	"github.com/moby/sys/signal"

	"berth/internal/fault"
	"berth/internal/logfile"
)

const minMemory = 6 << 20

// Check refuses what contradicts itself, in Docker's wording. It may normalize the request.
func Check(req *CreateRequest) error {
	c, h := &req.Config, &req.HostConfig
	if c.WorkingDir != "" && !path.IsAbs(c.WorkingDir) {
		return fault.New(fault.Invalid, "the working directory '%s' is invalid, it needs to be an absolute path", c.WorkingDir)
	}
	if c.StopSignal != "" {
		if _, err := signal.ParseSignal(c.StopSignal); err != nil {
			return fault.New(fault.Invalid, "invalid signal: %s", c.StopSignal)
		}
	}
	for _, kv := range c.Env {
		if kv == "" || kv[0] == '=' {
			return fault.New(fault.Invalid, "invalid environment variable: %s", kv)
		}
	}
	for _, f := range []func() error{
		func() error { return checkRestart(h) },
		func() error { return checkMemory(h.Resources) },
		func() error { return checkCPU(h.Resources) },
		func() error { return checkTargets(h.Mounts, h.Tmpfs) },
		func() error { return checkNetwork(c, h) },
		func() error { return checkModes(h) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	if h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000 {
		return fault.New(fault.Invalid, "Invalid value %d, range for oom score adj is [-1000, 1000]", h.OomScoreAdj)
	}
	if h.ShmSize < 0 {
		return fault.New(fault.Invalid, "SHM size can not be less than 0")
	}
	if _, err := ParseSecurity(h.SecurityOpt); err != nil {
		return err
	}
	if _, err := Capabilities(*h); err != nil {
		return err
	}
	return checkLog(h)
}

func checkRestart(h *HostConfig) error {
	if err := h.RestartPolicy.Check(); err != nil {
		return err
	}
	if h.AutoRemove && !h.RestartPolicy.None() {
		return fault.New(fault.Invalid, "can't create 'AutoRemove' container with restart policy")
	}
	return nil
}

func checkMemory(r Resources) error {
	switch {
	case r.Memory < 0 || r.Memory > 0 && r.Memory < minMemory:
		return fault.New(fault.Invalid, "Minimum memory limit allowed is 6MB")
	case r.MemorySwap > 0 && r.Memory == 0:
		return fault.New(fault.Invalid, "You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return fault.New(fault.Invalid, "Minimum memoryswap limit should be larger than memory limit, see usage")
	case r.MemoryReservation > 0 && r.MemoryReservation < minMemory:
		return fault.New(fault.Invalid, "Minimum memory reservation allowed is 6MB")
	case r.Memory > 0 && r.MemoryReservation > r.Memory:
		return fault.New(fault.Invalid, "Minimum memory limit can not be less than memory reservation limit, see usage")
	}
	return nil
}

func checkCPU(r Resources) error {
	n := runtime.NumCPU()
	switch {
	case r.NanoCPUs > 0 && r.CPUPeriod > 0:
		return fault.New(fault.Invalid, "Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs > 0 && r.CPUQuota > 0:
		return fault.New(fault.Invalid, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs < 0 || r.NanoCPUs > int64(n)*1e9:
		return fault.New(fault.Invalid, "Range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", n, n)
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1_000_000):
		return fault.New(fault.Invalid, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case r.CPUQuota > 0 && r.CPUQuota < 1000:
		return fault.New(fault.Invalid, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
	case r.CPUShares < 0:
		return fault.New(fault.Invalid, "invalid CPU shares (%d): value must be a positive integer", r.CPUShares)
	}
	return nil
}

func checkTargets(mounts []Mount, tmpfs map[string]string) error {
	seen := map[string]bool{}
	for _, m := range mounts {
		t := path.Clean(m.Target)
		switch {
		case !path.IsAbs(m.Target):
			return fault.New(fault.Invalid, "invalid mount config for type %q: invalid mount path: '%s' mount path must be absolute", m.Type, m.Target)
		case t == "/":
			return fault.New(fault.Invalid, "invalid specification: destination can't be '/'")
		case seen[t]:
			return fault.New(fault.Invalid, "Duplicate mount point: %s", m.Target)
		}
		seen[t] = true
	}
	for t := range tmpfs {
		switch {
		case !path.IsAbs(t):
			return fault.New(fault.Invalid, "invalid mount path: '%s' mount path must be absolute", t)
		case path.Clean(t) == "/":
			return fault.New(fault.Invalid, "invalid specification: destination can't be '/'")
		case seen[path.Clean(t)]:
			return fault.New(fault.Invalid, "Duplicate mount point: %s", t)
		}
	}
	return nil
}

// checkNetwork refuses what conflicts with the network mode.
func checkNetwork(c *Config, h *HostConfig) error {
	switch mode := h.NetworkMode; {
	case mode == "" || mode == "default":
		h.NetworkMode = "bridge"
	case mode == "host":
		h.PortBindings = nil
	case strings.HasPrefix(mode, "container:"):
		if c.Hostname != "" {
			return fault.New(fault.Invalid, "conflicting options: hostname and the network mode")
		}
		if len(h.DNS) > 0 {
			return fault.New(fault.Invalid, "conflicting options: dns and the network mode")
		}
		if len(h.ExtraHosts) > 0 {
			return fault.New(fault.Invalid, "conflicting options: custom host-to-IP mapping and the network mode")
		}
		if len(h.PortBindings) > 0 || h.PublishAll {
			return fault.New(fault.Invalid, "conflicting options: port publishing and the container type network mode")
		}
		if len(c.ExposedPorts) > 0 {
			return fault.New(fault.Invalid, "conflicting options: port exposing and the container type network mode")
		}
	}
	return nil
}

func checkModes(h *HostConfig) error {
	for _, m := range []struct {
		name, value string
		allowed     []string
	}{
		{"IPC", h.IpcMode, []string{"", "private", "none", "host", "shareable"}},
		{"PID", h.PidMode, []string{"", "host"}},
		{"UTS", h.UTSMode, []string{"", "host"}},
		{"cgroup namespace", h.CgroupnsMode, []string{"", "private", "host"}},
	} {
		ok := false
		for _, a := range m.allowed {
			ok = ok || m.value == a
		}
		switch {
		case ok:
		case strings.HasPrefix(m.value, "container:"):
			return fault.New(fault.Unsupported, "sharing the %s namespace of another container is not supported yet", m.name)
		default:
			return fault.New(fault.Invalid, "invalid %s mode: %s", m.name, m.value)
		}
	}
	return nil
}

// Warnings are what the user should know and need not stop for.
func Warnings(req CreateRequest) []string {
	var w []string
	if req.HostConfig.NetworkMode == "host" && len(req.HostConfig.PortBindings) > 0 {
		w = append(w, "Published ports are discarded when using host network mode")
	}
	return w
}

// checkLog refuses what the log driver cannot do.
func checkLog(h *HostConfig) error {
	switch h.LogDriver {
	case "":
		h.LogDriver = "json-file"
	case "json-file":
	case "none":
		return nil
	default:
		return fault.New(fault.Unsupported, "the logging driver %q is not supported yet", h.LogDriver)
	}
	for _, key := range []string{"labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"} {
		if v, set := h.LogOptions[key]; set && !(key == "mode" && v == "blocking") {
			return fault.New(fault.Unsupported, "the log option %q is not supported yet", key)
		}
	}
	_, err := logfile.ParseOptions(h.LogOptions)
	return err
}
