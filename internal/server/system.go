package server

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"os"
	goruntime "runtime"
	"time"

	"berth/internal/container"
	"berth/internal/server/compat"
	"berth/internal/server/show"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"
)

// systemRoutes are the handlers that tell about the engine and its host.
type systemRoutes struct {
	system                 System
	images                 Images     // to count them
	containers             Containers // to count them
	events                 Events     // to count who listens
	version, commit, built string     // see Config
}

// ping answers without asking anybody: it is how clients find out the version.
func (r systemRoutes) ping(c *call) error {
	h := c.w.Header()
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Swarm", "inactive")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if c.r.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		return nil
	}
	_, _ = io.WriteString(c.w, "OK")
	return nil
}

func (r systemRoutes) versions(c *call) error {
	h := r.system.Host()
	answer := system.VersionResponse{
		Platform:      system.PlatformInfo{Name: "berth"},
		Version:       r.version,
		APIVersion:    compat.Max.String(),
		MinAPIVersion: compat.Min.String(),
		Os:            goruntime.GOOS,
		Arch:          goruntime.GOARCH,
		GitCommit:     r.commit,
		GoVersion:     goruntime.Version(),
		KernelVersion: h.KernelVersion,
		BuildTime:     r.built,
	}
	// docker version prints the deprecated fields as a component called Engine
	// unless there is one of that name.
	engine := system.ComponentVersion{Name: "Engine", Version: r.version, Details: map[string]string{
		"ApiVersion":    answer.APIVersion,
		"MinAPIVersion": answer.MinAPIVersion,
		"Os":            answer.Os,
		"Arch":          answer.Arch,
		"GitCommit":     r.commit,
		"GoVersion":     answer.GoVersion,
		"KernelVersion": h.KernelVersion,
		"BuildTime":     r.built,
		"Experimental":  "false",
	}}
	answer.Components = append(answer.Components, engine)
	for _, part := range h.Components {
		answer.Components = append(answer.Components, system.ComponentVersion{Name: part.Name, Version: part.Version, Details: part.Details})
	}
	return c.json(answer, nil)
}

func (r systemRoutes) info(c *call) error {
	images, err := r.images.List(c.r.Context())
	if err != nil {
		return err
	}
	h := r.system.Host()
	answer := hostInfo(&h)
	answer.Images = len(images)
	list := r.containers.List()
	answer.Containers = len(list)
	for i := range list {
		switch list[i].State {
		case container.Running:
			answer.ContainersRunning++
		case container.Paused:
			answer.ContainersPaused++
		default:
			answer.ContainersStopped++
		}
	}
	answer.ServerVersion = r.version
	answer.NEventsListener = r.events.Listeners()
	return c.json(show.Info(answer, c.version), nil)
}

// hostInfo says what is true of the host and of this engine.
func hostInfo(h *Host) *system.Info {
	return &system.Info{
		ID:                 h.ID,
		Name:               h.Name,
		Driver:             cmp.Or(h.Storage, "overlayfs"),
		DriverStatus:       h.DriverStatus,
		Plugins:            system.PluginsInfo{Volume: h.Drivers.Volume, Network: []string{"bridge", "host", "null"}, Log: h.Drivers.Log.All},
		MemoryLimit:        h.Limits.Memory,
		SwapLimit:          h.Limits.Swap,
		CPUCfsPeriod:       h.Limits.CPUQuota,
		CPUCfsQuota:        h.Limits.CPUQuota,
		CPUShares:          h.Limits.CPUShares,
		CPUSet:             h.Limits.CPUSet,
		PidsLimit:          h.Limits.Pids,
		IPv4Forwarding:     h.Network.IPv4Forwarding,
		Debug:              h.Debug,
		NFd:                openFiles(),
		NGoroutines:        goruntime.NumGoroutine(),
		SystemTime:         time.Now().Format(time.RFC3339Nano),
		LoggingDriver:      h.Drivers.Log.Default,
		CgroupDriver:       h.CgroupDriver,
		CgroupVersion:      h.CgroupVersion,
		KernelVersion:      h.KernelVersion,
		OperatingSystem:    h.OperatingSystem,
		OSVersion:          h.OSVersion,
		OSType:             goruntime.GOOS,
		Architecture:       machine(goruntime.GOARCH),
		IndexServerAddress: "https://index.docker.io/v1/",
		RegistryConfig:     registries(&h.Registries),
		HTTPProxy:          h.Network.Proxy.HTTP,
		HTTPSProxy:         h.Network.Proxy.HTTPS,
		NoProxy:            h.Network.Proxy.No,
		OomKillDisable:     h.CgroupVersion == "1",
		InitBinary:         "docker-init",
		FirewallBackend:    &system.FirewallInfo{Driver: "nftables"},
		NCPU:               h.NCPU,
		MemTotal:           h.MemTotal,
		DockerRootDir:      h.RootDir,
		Labels:             []string{},
		Runtimes:           runtimes(h),
		DefaultRuntime:     h.DefaultRuntime,
		Swarm:              swarm.Info{LocalNodeState: swarm.LocalNodeStateInactive},
		LiveRestoreEnabled: h.LiveRestore,
		SecurityOptions:    show.OrEmpty(h.SecurityOptions),
		CDISpecDirs:        []string{},
		Warnings:           warnings(h),
	}
}

// registries is what is special about some, as Docker tells it: networks apart, by name.
func registries(r *Registries) *registry.ServiceConfig {
	hub := &registry.IndexInfo{Name: "docker.io", Mirrors: show.OrEmpty(r.Mirrors["docker.io"]), Secure: true, Official: true}
	out := &registry.ServiceConfig{
		InsecureRegistryCIDRs: r.InsecureNetworks, IndexConfigs: map[string]*registry.IndexInfo{"docker.io": hub}, Mirrors: hub.Mirrors,
	}
	for _, name := range r.InsecureNames {
		out.IndexConfigs[name] = &registry.IndexInfo{Name: name, Mirrors: show.OrEmpty(r.Mirrors[name])}
	}
	for name, mirrors := range r.Mirrors {
		if out.IndexConfigs[name] == nil {
			out.IndexConfigs[name] = &registry.IndexInfo{Name: name, Mirrors: mirrors, Secure: true}
		}
	}
	return out
}

// warnings are what an administrator should know, in Docker's words.
func warnings(h *Host) []string {
	var list []string
	for _, host := range h.Network.OpenHosts {
		how := "on http://" + host + " without encryption."
		if h.Network.Encrypted {
			how = "on https://" + host + " without TLS client verification."
		}
		list = append(list, "WARNING: API is accessible "+how+"\n         Access to the remote API is equivalent to root access on the host. Refer\n"+
			"         to the 'Docker daemon attack surface' section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/")
	}
	for _, w := range []struct {
		there bool
		text  string
	}{
		{h.Limits.Memory, "WARNING: No memory limit support"}, {h.Limits.Swap, "WARNING: No swap limit support"},
		{h.Limits.CPUQuota, "WARNING: No cpu cfs quota support"}, {h.Limits.CPUQuota, "WARNING: No cpu cfs period support"},
		{h.Limits.CPUShares, "WARNING: No cpu shares support"}, {h.Limits.CPUSet, "WARNING: No cpuset support"},
		{h.Network.IPv4Forwarding, "WARNING: IPv4 forwarding is disabled"},
	} {
		if !w.there {
			list = append(list, w.text)
		}
	}
	return list
}

// WithoutPassword hides the user and the password in a proxy's address, as docker info does.
func WithoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return address
	}
	u.User = url.UserPassword("xxxxx", "xxxxx")
	return u.String()
}

// machine is uname's name for an architecture of Go's, as docker info shows it.
func machine(arch string) string {
	switch arch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return arch
}

// openFiles counts the daemon's descriptors; 0 when /proc is not there.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// runtimes are our own, which is the keeper, and those of the configuration.
func runtimes(h *Host) map[string]system.RuntimeWithStatus {
	out := map[string]system.RuntimeWithStatus{container.OwnRuntime: {Runtime: system.Runtime{Path: "berth-keeper"}}}
	for name, r := range h.Runtimes {
		out[name] = system.RuntimeWithStatus{Runtime: system.Runtime{Path: r.Path, Args: r.Args}}
	}
	return out
}
