package daemon

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/container"
	"berth/internal/linux/cgroup"
	"berth/internal/logdriver"
	"berth/internal/server"
	"berth/internal/version"
)

// Host says what the machine and this daemon are, for /info and /version.
func (d *Daemon) Host() server.Host {
	name, _ := os.Hostname() // an empty name is as good as none
	h := server.Host{
		ID: d.id(), Name: name, RootDir: d.cfg.DataRoot, NCPU: runtime.NumCPU(), CgroupVersion: "1", CgroupDriver: "cgroupfs",
		SecurityOptions: []string{"name=seccomp,profile=builtin"}, Modes: server.Modes{Debug: d.cfg.Debug, LiveRestore: d.cfg.Life.Outlive, Storage: string(d.driver)},
		Components: []server.Component{{Name: "berth-keeper", Version: version.Version}},
		Limits: server.Limits{
			Memory: d.cgroups.Has("memory"), Swap: d.cgroups.LimitsSwap(), CPUShares: d.cgroups.Has("cpu"), CPUQuota: d.cgroups.Has("cpu"),
			CPUSet: d.cgroups.Has("cpuset"), Pids: d.cgroups.Has("pids"),
		},
	}
	h.Drivers.Volume = d.volumes.drivers()
	h.Drivers.Log = server.LogDrivers{Default: d.cfg.Log.Driver, All: logdriver.Names()}
	h.Runtimes, h.DefaultRuntime = map[string]server.Runtime{}, d.cfg.DefaultRuntime
	for name, r := range d.cfg.Runtimes {
		h.Runtimes[name] = server.Runtime{Path: r.Path, Args: r.Args}
	}
	h.Registries = d.cfg.Registries.special()
	if d.cgroups.Version() == cgroup.V2 {
		h.CgroupVersion = "2"
		h.SecurityOptions = append(h.SecurityOptions, "name=cgroupns")
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		h.KernelVersion = unix.ByteSliceToString(uts.Release[:])
	}
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) == nil {
		h.MemTotal = int64(si.Totalram) * int64(si.Unit)
	}
	h.OperatingSystem, h.OSVersion = release()
	h.Network.Proxy = d.cfg.Registries.proxy()
	forward, _ := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	h.Network.IPv4Forwarding = strings.TrimSpace(string(forward)) == "1"
	h.Network.OpenHosts, h.Network.Encrypted = d.openly(), d.cfg.TLS.Enabled
	n, bytes := container.Waiting(d.containers)
	h.DriverStatus = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}, {"warm sandboxes", fmt.Sprintf("%d, %d KiB", n, bytes>>10)}}
	return h
}

// getenv is the first of some variables that is set, without a password in it.
func getenv(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return server.WithoutPassword(value)
		}
	}
	return ""
}

// commit is what this build was made of, "" when nobody noted it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(7, len(s.Value))]
		}
	}
	return ""
}

// openly are the hosts of the API that anybody reaches without showing who he is.
func (d *Daemon) openly() (hosts []string) {
	for _, spec := range d.cfg.Hosts {
		if host, tcp := strings.CutPrefix(spec, "tcp://"); tcp && !d.cfg.TLS.Verify {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// removeCgroupParent removes the group that containers were in, now that there
// are none. One that the user named is the user's.
func (d *Daemon) removeCgroupParent() {
	if d.cfg.CgroupParent != "" {
		return
	}
	if g, err := d.cgroups.Open(d.cgroupParent()); err == nil {
		if err := g.Remove(context.Background()); err != nil {
			d.log.Debug("the control group of the containers stays: " + err.Error())
		}
	}
}

// release reads os-release(5).
func release() (name, ver string) {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Linux", ""
	}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"`)
		switch key {
		case "PRETTY_NAME":
			name = value
		case "VERSION_ID":
			ver = value
		}
	}
	return name, ver
}

// id names this engine for as long as its data root exists.
func (d *Daemon) id() string {
	path := d.cfg.DataRoot + "/engine-id"
	if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b))
	}
	b := make([]byte, 16)
	rand.Read(b)
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	if err := os.WriteFile(path, []byte(id), 0o644); err != nil {
		d.log.Warn("the engine's ID cannot be kept: " + err.Error())
	}
	return id
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:3])
}
