package provision

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

// CgroupPath is the container's control group, below every hierarchy's root.
func (h *Host) CgroupPath(c record.Container) string {
	parent := c.HostConfig.CgroupParent
	if parent == "" {
		parent = h.deps.Paths.CgroupParent
	}
	return path.Join("/", parent, c.ID)
}

// FitLimits takes away the limits that this host's control groups do not know, and says so; it refuses what can
// neither be set nor gone without.
func (h *Host) FitLimits(lim *config.Resources) (warnings []string, err error) {
	g := h.deps.Cgroups
	warnings, err = lim.Discard(config.Limitable{
		Memory: g.Has("memory"), Swap: lim.Memory <= 0 || g.LimitsSwap(), Swappiness: lim.MemorySwappiness == nil || g.Swaps(), OOMKiller: !lim.OomKillDisable || g.Spares(),
		Shares: g.Has("cpu"), Quota: g.Has("cpu"), RealTime: lim.CPURTPeriod == 0 && lim.CPURTRuntime == 0 || g.RealTime(), CPUSets: g.Has("cpuset"), Pids: g.Has("pids"),
		Weight: lim.BlkioWeight == 0 && len(lim.BlkioWeights) == 0 || g.Weighs(),
	})
	if err != nil {
		return warnings, err
	}
	var r specs.LinuxResources
	lim.Limit(&r)
	err = g.Check(&r)
	return warnings, fault.Wrap(fault.KindOf(err), err, "HostConfig")
}

// ClearGroup kills what is left in a control group and removes it. A start
// whose answer was lost may have left a process there.
func ClearGroup(g *cgroup.Group) error {
	return errors.Join(KillGroup(g), g.Remove(context.Background()))
}

// KillTime is how long the kernel gets to end what is killed.
const KillTime = 30 * time.Second

// KillGroup ends every process in a control group.
func KillGroup(g *cgroup.Group) error {
	ctx, cancel := context.WithTimeout(context.Background(), KillTime)
	defer cancel()
	return g.Kill(ctx)
}

// cgroupInputs says where the child belongs and what it sees in /sys/fs/cgroup.
func (h *Host) cgroupInputs(g *cgroup.Group) runtime.Cgroup {
	in := runtime.Cgroup{Join: g.JoinFiles(), Unified: h.deps.Cgroups.Version() == cgroup.V2}
	for _, p := range g.Places() {
		if !p.Unified {
			in.Hierarchies = append(in.Hierarchies, runtime.Hierarchy{Controllers: p.Controllers, Name: p.Name, Path: p.Dir})
		}
	}
	return in
}

// filter is the seccomp filter of a process.
func (h *Host) filter(hc config.HostConfig, p *specs.Process) (seccomp.Filter, error) {
	sec, err := config.ParseSecurity(hc.SecurityOpt)
	if err != nil || sec.Unconfined || hc.Privileged {
		return seccomp.Filter{}, err
	}
	var caps []string
	if p.Capabilities != nil {
		caps = p.Capabilities.Bounding
	}
	return h.seccomp.Filter(string(sec.Profile), caps)
}
