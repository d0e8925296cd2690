package config

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/signal"

	"berth/internal/fault"
	"berth/internal/runtime"
)

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
		func() error { return checkResources(h.Resources) },
		func() error { return checkTargets(h.Mounts, h.Tmpfs) },
		func() error { return checkNetwork(c, h) },
		func() error { return checkModes(h) },
		func() error { return checkNames(c, h) },
		func() error { _, err := DeviceRules(h.DeviceRules); return err },
		func() error { _, err := h.LayerSize(0); return err },
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
	sec, err := ParseSecurity(h.SecurityOpt)
	if err != nil {
		return err
	}
	if sec.WritableCgroups != nil && *sec.WritableCgroups && h.CgroupnsMode == "host" {
		return fault.New(fault.Invalid, "conflicting options: writable-cgroups and the host's cgroup namespace")
	}
	if _, err := Capabilities(*h); err != nil {
		return err
	}
	return nil
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
	case mode == "container:":
		return fault.New(fault.Invalid, "Invalid network mode: invalid container format container:<name|id>")
	case strings.HasPrefix(mode, "container:"):
		return checkShared(c, h)
	}
	if c.NetworkDisabled && h.NetworkMode == "bridge" {
		h.NetworkMode, h.PortBindings, h.PublishAll = "none", nil, false
	}
	if c.MacAddress != "" && (h.NetworkMode == "host" || h.NetworkMode == "none") {
		return fault.New(fault.Invalid, "conflicting options: mac-address and the network mode")
	}
	return nil
}

// checkShared refuses what conflicts with another container's network.
func checkShared(c *Config, h *HostConfig) error {
	for _, f := range []struct {
		set  bool
		text string
	}{
		{c.Hostname != "", "hostname and the network mode"},
		{c.MacAddress != "", "mac-address and the network mode"},
		{len(h.DNS) > 0, "dns and the network mode"},
		{len(h.ExtraHosts) > 0, "custom host-to-IP mapping and the network mode"},
		{len(h.PortBindings) > 0 || h.PublishAll, "port publishing and the container type network mode"},
		{len(c.ExposedPorts) > 0, "port exposing and the container type network mode"},
	} {
		if f.set {
			return fault.New(fault.Invalid, "conflicting options: %s", f.text)
		}
	}
	return nil
}

func checkModes(h *HostConfig) error {
	for _, m := range []struct {
		name, value string
		allowed     []string
		shared      bool // another container's may be joined
	}{
		{"IPC", h.IpcMode, []string{"", "private", "none", "host", "shareable"}, true},
		{"PID", h.PidMode, []string{"", "host"}, true},
		{"UTS", h.UTSMode, []string{"", "host"}, false},
		{"cgroup namespace", h.CgroupnsMode, []string{"", "private", "host"}, false},
		{"user namespace", h.UsernsMode, []string{"", "host"}, false},
	} {
		other, joins := strings.CutPrefix(m.value, "container:")
		if !slices.Contains(m.allowed, m.value) && !(m.shared && joins && other != "") {
			return fault.New(fault.Invalid, "invalid %s mode: %s", m.name, m.value)
		}
	}
	return nil
}

// hostNameMax is the longest name that the kernel takes (sethostname(2)).
const hostNameMax = 64

// checkNames refuses names that the container cannot have.
func checkNames(c *Config, h *HostConfig) error {
	switch {
	case h.UTSMode == "host" && c.Hostname != "":
		return fault.New(fault.Invalid, "conflicting options: hostname and the UTS mode")
	case h.UTSMode == "host" && c.Domainname != "":
		return fault.New(fault.Invalid, "conflicting options: domainname and the UTS mode")
	case len(c.Hostname) > hostNameMax:
		return fault.New(fault.Invalid, "invalid Hostname %q: it is longer than %d bytes", c.Hostname, hostNameMax)
	case len(c.Domainname) > hostNameMax:
		return fault.New(fault.Invalid, "invalid Domainname %q: it is longer than %d bytes", c.Domainname, hostNameMax)
	}
	return nil
}

// Warnings are what the user should know and need not stop for.
func Warnings(req CreateRequest) []string {
	var w []string
	if req.HostConfig.NetworkMode == "host" && len(req.HostConfig.PortBindings) > 0 {
		w = append(w, "Published ports are discarded when using host network mode")
	}
	if r := req.HostConfig.Resources; r.OomKillDisable && r.Memory <= 0 {
		w = append(w, "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.")
	}
	return append(append(w, missingModules(req.HostConfig.SecurityOpt)...), unlabelled(req.HostConfig.Mounts, runtime.HostModules().SELinux)...)
}

// unlabelled says that z and Z change nothing where containers have no labels, as with a daemon of Docker's without selinux-enabled.
func unlabelled(mounts []Mount, labels bool) []string {
	for _, m := range mounts {
		if m.Relabel && labels {
			return []string{"Containers have no labels for SELinux here: the mount on " + m.Target + " is not relabelled."}
		}
	}
	return nil
}

// missingModules says which options have no effect, for the host's kernel lacks what they are about.
func missingModules(opts []string) (w []string) {
	sec, err := ParseSecurity(opts)
	if err != nil || sec.AppArmor == "" && len(sec.Labels) == 0 {
		return nil
	}
	have := runtime.HostModules()
	if sec.AppArmor != "" && sec.AppArmor != "unconfined" && !have.AppArmor {
		w = append(w, "The host does not have AppArmor: the profile "+sec.AppArmor+" does not confine the container.")
	}
	if len(sec.Labels) > 0 && !slices.Equal(sec.Labels, []string{"disable"}) && !have.SELinux {
		w = append(w, "The host does not have SELinux: the labels "+strings.Join(sec.Labels, ", ")+" have no effect.")
	}
	return w
}
