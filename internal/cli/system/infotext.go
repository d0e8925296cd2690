package system

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/system"
)

// page writes lines; what is empty is left out where docker does so.
type page struct{ out io.Writer }

func (p page) line(label string, value any) { _, _ = fmt.Fprintln(p.out, label, value) }

func (p page) some(label, value string) {
	if value != "" {
		p.line(label, value)
	}
}

func (p page) list(label, indent string, values []string) {
	if len(values) == 0 {
		return
	}
	_, _ = fmt.Fprintln(p.out, label)
	for _, v := range values {
		_, _ = fmt.Fprintln(p.out, indent+v)
	}
}

func printClientInfo(out io.Writer, c *clientInfo) {
	p := page{out}
	_, _ = fmt.Fprintln(out, "Client:")
	p.some(" Version:   ", c.Version)
	p.line(" Context:   ", c.Context)
	p.line(" Debug Mode:", c.Debug)
}

func printServerInfo(out io.Writer, i *system.Info) {
	p := page{out}
	p.line(" Containers:", i.Containers)
	p.line("  Running:", i.ContainersRunning)
	p.line("  Paused:", i.ContainersPaused)
	p.line("  Stopped:", i.ContainersStopped)
	p.line(" Images:", i.Images)
	p.some(" Server Version:", i.ServerVersion)
	p.some(" Storage Driver:", i.Driver)
	for _, pair := range i.DriverStatus {
		_, _ = fmt.Fprintf(out, "  %s: %s\n", pair[0], pair[1])
	}
	p.some(" Logging Driver:", i.LoggingDriver)
	p.some(" Cgroup Driver:", i.CgroupDriver)
	p.some(" Cgroup Version:", i.CgroupVersion)
	_, _ = fmt.Fprintln(out, " Plugins:")
	p.line("  Volume:", strings.Join(i.Plugins.Volume, " "))
	p.line("  Network:", strings.Join(i.Plugins.Network, " "))
	if len(i.Plugins.Authorization) > 0 {
		p.line("  Authorization:", strings.Join(i.Plugins.Authorization, " "))
	}
	p.line("  Log:", strings.Join(i.Plugins.Log, " "))
	p.line(" Swarm:", i.Swarm.LocalNodeState)
	printRuntimes(p, i)
	printHost(p, i)
	printRegistries(p, i)
	p.line(" Live Restore Enabled:", i.LiveRestoreEnabled)
	if len(i.DefaultAddressPools) > 0 {
		_, _ = fmt.Fprintln(out, " Default Address Pools:")
		for _, pool := range i.DefaultAddressPools {
			_, _ = fmt.Fprintf(out, "   Base: %s, Size: %d\n", pool.Base, pool.Size)
		}
	}
	if i.FirewallBackend != nil {
		p.line(" Firewall Backend:", i.FirewallBackend.Driver)
		for _, v := range i.FirewallBackend.Info {
			_, _ = fmt.Fprintf(out, "  %s: %s\n", v[0], v[1])
		}
	}
	_, _ = fmt.Fprintln(out)
}

func printRuntimes(p page, i *system.Info) {
	if len(i.Runtimes) > 0 {
		p.line(" Runtimes:", strings.Join(slices.Sorted(maps.Keys(i.Runtimes)), " "))
		p.line(" Default Runtime:", i.DefaultRuntime)
	}
	if i.OSType != "linux" {
		return
	}
	p.line(" Init Binary:", i.InitBinary)
	p.line(" containerd version:", i.ContainerdCommit.ID)
	p.line(" runc version:", i.RuncCommit.ID)
	p.line(" init version:", i.InitCommit.ID)
	var security []string
	for _, o := range i.SecurityOptions {
		name, profile, ok := strings.Cut(strings.TrimPrefix(o, "name="), ",profile=")
		security = append(security, name)
		if ok {
			security = append(security, " Profile: "+profile)
		}
	}
	p.list(" Security Options:", "  ", security)
}

func printHost(p page, i *system.Info) {
	p.some(" Kernel Version:", i.KernelVersion)
	p.some(" Operating System:", i.OperatingSystem)
	p.some(" OSType:", i.OSType)
	p.some(" Architecture:", i.Architecture)
	p.line(" CPUs:", i.NCPU)
	p.line(" Total Memory:", units.BytesSize(float64(i.MemTotal)))
	p.some(" Name:", i.Name)
	p.some(" ID:", i.ID)
	p.line(" Docker Root Dir:", i.DockerRootDir)
	p.line(" Debug Mode:", i.Debug)
	if i.Debug {
		p.line("  File Descriptors:", i.NFd)
		p.line("  Goroutines:", i.NGoroutines)
		p.line("  System Time:", i.SystemTime)
		p.line("  EventsListeners:", i.NEventsListener)
	}
	p.some(" HTTP Proxy:", i.HTTPProxy)
	p.some(" HTTPS Proxy:", i.HTTPSProxy)
	p.some(" No Proxy:", i.NoProxy)
	p.list(" Labels:", "  ", i.Labels)
	p.line(" Experimental:", i.ExperimentalBuild)
}

func printRegistries(p page, i *system.Info) {
	if i.RegistryConfig == nil {
		return
	}
	var insecure []string
	for _, r := range i.RegistryConfig.IndexConfigs {
		if !r.Secure {
			insecure = append(insecure, r.Name)
		}
	}
	slices.Sort(insecure)
	for _, cidr := range i.RegistryConfig.InsecureRegistryCIDRs {
		insecure = append(insecure, cidr.String())
	}
	p.list(" Insecure Registries:", "  ", insecure)
	p.list(" Registry Mirrors:", "  ", i.RegistryConfig.Mirrors)
}
