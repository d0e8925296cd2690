//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/test/yardstick/bundle"
)

// wish says with the words of the Engine API what a bundle's spec asks for. What has been
// said is taken out of the spec; what is left there has no words.
type wish struct {
	spec, plain *specs.Spec
	config      container.Config
	host        container.HostConfig
	dir         string
}

// wishFor translates a bundle. It is false when the API cannot say all of it.
func wishFor(b *bundle.Bundle) (client.ContainerCreateOptions, bool) {
	w := &wish{spec: &specs.Spec{}, plain: bundle.Plain(), dir: b.Dir}
	text, err := json.Marshal(b.Spec)
	if err != nil || json.Unmarshal(text, w.spec) != nil || w.spec.Process == nil || w.spec.Linux == nil {
		return client.ContainerCreateOptions{}, false
	}
	w.process()
	w.rights()
	w.mounts()
	w.namespaces()
	w.limits()
	w.spec.Version, w.spec.Root.Path, w.spec.Annotations = w.plain.Version, w.plain.Root.Path, nil
	rest, err := json.Marshal(w.spec)
	plain, err2 := json.Marshal(w.plain)
	ok := err == nil && err2 == nil && string(rest) == string(plain)
	return client.ContainerCreateOptions{Config: &w.config, HostConfig: &w.host}, ok
}

func (w *wish) process() {
	p := w.spec.Process
	if len(p.Args) > 0 {
		w.config.Entrypoint, w.config.Cmd = p.Args[:1], p.Args[1:]
	}
	w.config.Env, w.config.WorkingDir, w.config.Tty = p.Env, p.Cwd, p.Terminal
	if size := p.ConsoleSize; size != nil {
		w.host.ConsoleSize = [2]uint{size.Height, size.Width}
	}
	w.config.User = fmt.Sprintf("%d:%d", p.User.UID, p.User.GID)
	for _, g := range p.User.AdditionalGids {
		w.host.GroupAdd = append(w.host.GroupAdd, fmt.Sprint(g))
	}
	for _, l := range p.Rlimits {
		w.host.Ulimits = append(w.host.Ulimits, &container.Ulimit{Name: strings.ToLower(strings.TrimPrefix(l.Type, "RLIMIT_")), Soft: int64(l.Soft), Hard: int64(l.Hard)})
	}
	if p.OOMScoreAdj != nil {
		w.host.OomScoreAdj = *p.OOMScoreAdj
	}
	w.config.Hostname, w.config.Domainname = w.spec.Hostname, w.spec.Domainname
	was := w.plain.Process
	p.Args, p.Env, p.Cwd, p.Terminal, p.ConsoleSize, p.Rlimits, p.OOMScoreAdj = nil, was.Env, was.Cwd, false, nil, was.Rlimits, nil
	p.User = specs.User{Umask: p.User.Umask}
	w.spec.Hostname, w.spec.Domainname = w.plain.Hostname, ""
}

func (w *wish) rights() {
	p, l := w.spec.Process, w.spec.Linux
	w.host.CapDrop = []string{"ALL"}
	if c := p.Capabilities; c == nil {
		p.Capabilities = w.plain.Process.Capabilities
	} else if len(c.Ambient)+len(c.Inheritable) == 0 && slices.Equal(c.Bounding, c.Permitted) && slices.Equal(c.Bounding, c.Effective) {
		w.host.CapAdd, p.Capabilities = c.Bounding, w.plain.Process.Capabilities
	}
	w.host.SecurityOpt = append(w.host.SecurityOpt, fmt.Sprintf("no-new-privileges=%v", p.NoNewPrivileges))
	p.NoNewPrivileges = w.plain.Process.NoNewPrivileges
	if l.Seccomp != nil {
		text, err := json.Marshal(l.Seccomp)
		if err == nil {
			w.host.SecurityOpt = append(w.host.SecurityOpt, "seccomp="+string(text))
			l.Seccomp = nil
		}
	}
	if !slices.Equal(l.MaskedPaths, w.plain.Linux.MaskedPaths) {
		w.host.MaskedPaths = append([]string{}, l.MaskedPaths...)
	}
	if !slices.Equal(l.ReadonlyPaths, w.plain.Linux.ReadonlyPaths) {
		w.host.ReadonlyPaths = append([]string{}, l.ReadonlyPaths...)
	}
	w.host.ReadonlyRootfs, w.spec.Root.Readonly = w.spec.Root.Readonly, false
	w.host.Sysctls, l.Sysctl = l.Sysctl, nil
	l.MaskedPaths, l.ReadonlyPaths = w.plain.Linux.MaskedPaths, w.plain.Linux.ReadonlyPaths
}

// mounts says those that come behind the usual ones. The engine has a cgroup mount in any case.
func (w *wish) mounts() {
	n := len(w.plain.Mounts)
	if len(w.spec.Mounts) < n {
		return
	}
	rest := w.spec.Mounts[:n:n]
	for _, m := range w.spec.Mounts[n:] {
		switch bind := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind"); {
		case bind:
			if !filepath.IsAbs(m.Source) {
				m.Source = filepath.Join(w.dir, m.Source)
			}
			var options []string
			for _, o := range m.Options {
				switch o {
				case "bind", "rbind":
				case "ro", "rw", "rprivate", "private", "rslave", "slave", "rshared", "shared":
					options = append(options, o)
				default:
					rest = append(rest, m)
				}
			}
			w.host.Binds = append(w.host.Binds, strings.TrimSuffix(m.Source+":"+m.Destination+":"+strings.Join(options, ","), ":"))
		case m.Type == "tmpfs":
			w.host.Tmpfs = map[string]string{m.Destination: strings.Join(m.Options, ",")}
		case m.Type == "cgroup":
		default:
			rest = append(rest, m)
		}
	}
	w.spec.Mounts = rest
}

func (w *wish) namespaces() {
	var kept []specs.LinuxNamespace
	for _, ns := range w.plain.Linux.Namespaces {
		if slices.Contains(w.spec.Linux.Namespaces, ns) {
			continue
		}
		switch ns.Type {
		case specs.NetworkNamespace:
			w.host.NetworkMode = "host"
		case specs.IPCNamespace:
			w.host.IpcMode = "host"
		case specs.PIDNamespace:
			w.host.PidMode = "host"
		case specs.UTSNamespace:
			w.host.UTSMode, w.config.Hostname = "host", ""
		case specs.CgroupNamespace:
			w.host.CgroupnsMode = "host"
		default:
			continue // it is missed below
		}
		kept = append(kept, ns)
	}
	// In their order, so that nothing is left exactly when all is said.
	var list []specs.LinuxNamespace
	for _, ns := range w.plain.Linux.Namespaces {
		if slices.Contains(kept, ns) || slices.Contains(w.spec.Linux.Namespaces, ns) {
			list = append(list, ns)
		}
	}
	for _, ns := range w.spec.Linux.Namespaces {
		if !slices.Contains(w.plain.Linux.Namespaces, ns) {
			list = append(list, ns)
		}
	}
	w.spec.Linux.Namespaces = list
}

func (w *wish) limits() {
	r := w.spec.Linux.Resources
	number := func(p **int64) (n int64) {
		if *p != nil {
			n, *p = **p, nil
		}
		return n
	}
	if m := r.Memory; m != nil {
		w.host.Memory, w.host.MemorySwap, w.host.MemoryReservation = number(&m.Limit), number(&m.Swap), number(&m.Reservation)
		if *m == (specs.LinuxMemory{}) {
			r.Memory = nil
		}
	}
	if c := r.CPU; c != nil {
		if c.Shares != nil {
			w.host.CPUShares, c.Shares = int64(*c.Shares), nil
		}
		if c.Period != nil {
			w.host.CPUPeriod, c.Period = int64(*c.Period), nil
		}
		w.host.CPUQuota, w.host.CpusetCpus, w.host.CpusetMems = number(&c.Quota), c.Cpus, c.Mems
		if c.Cpus, c.Mems = "", ""; *c == (specs.LinuxCPU{}) {
			r.CPU = nil
		}
	}
	if r.Pids != nil {
		w.host.PidsLimit, r.Pids = r.Pids.Limit, nil
	}
	if r.BlockIO != nil && r.BlockIO.Weight == nil && len(r.BlockIO.ThrottleReadBpsDevice) == 0 {
		r.BlockIO = nil
	}
}
