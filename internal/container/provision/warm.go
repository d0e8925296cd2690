package provision

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/ocispec"
	"berth/internal/container/record"
	"berth/internal/container/warm"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/pidfd"
	"berth/internal/program"
	"berth/internal/runtime"
)

// A container's start is mostly the making of things that all containers have
// alike: namespaces, /proc, /sys, /dev, masks, a control group, a place on the network.
// While containers are being started a few such sandboxes wait for the next ones.
// A sandbox has the ID of the container that it will become, so that its control
// group has the right name: create takes the ID, start takes the sandbox. One
// that does not fit, or is gone, costs nothing but itself.

const (
	warmBreath = 30 * time.Millisecond
	warmIdle   = time.Minute
	warmHold   = 5 * time.Second
)

// sandbox is a parked process with what it holds.
type sandbox struct {
	id      string
	spec    *specs.Spec // what was parked
	place   Place       // on the bridge; nil without one
	netns   *os.File    // of network mode none; else nil
	group   *cgroup.Group
	pid     int
	pidfd   *os.File
	keeper  *keeper.Client        // who holds the process
	limited bool                  // its group has a container\'s limits
	ahead   atomic.Pointer[ahead] // nil before a container has its ID
}

// Warmth makes and unmakes sandboxes.
type Warmth struct{ *Host }

// Warmth returns the sandboxes that wait.
func (h *Host) Warmth() Warmth { return Warmth{h} }

func newPool(h *Host, size int) *warm.Pool[*sandbox] {
	w := h.Warmth()
	return warm.New(warm.Config[*sandbox]{
		Size: size, Breath: warmBreath, Idle: warmIdle, Hold: warmHold,
		Make: w.park, Drop: w.drop, ID: func(b *sandbox) string { return b.id },
	})
}

// kindOf is the kind of sandbox that a container may be made of; "" for none.
func kindOf(hc config.HostConfig) string {
	plain := hc.Runtime == "" && !hc.Privileged && hc.CgroupParent == "" && hc.PidMode == "" && hc.UTSMode == "" &&
		slices.Contains([]string{"", "private", "shareable"}, hc.IpcMode) && hc.CgroupnsMode != "host"
	if mode := hc.NetworkMode; plain && (mode == "bridge" || mode == "none") {
		return mode
	}
	return ""
}

// Want says that a container like this is being started: more may follow.
func (w Warmth) Want(hc config.HostConfig) {
	if kind := kindOf(hc); kind != "" {
		w.pool.Want(kind)
	}
}

// Flush drops all sandboxes.
func (w Warmth) Flush() { w.pool.Flush() }

// NewID is the ID of a new container: that of a sandbox which fits, if one waits.
// That one is got ready by what begin is called with the container.
func (w Warmth) NewID(hc config.HostConfig) (id string, begin func(record.Container)) {
	if kind := kindOf(hc); kind != "" {
		if b, ok := w.pool.Reserve(kind); ok {
			return b.id, func(c record.Container) { w.begin(b, c) }
		}
	}
	return record.NewID(), func(record.Container) {}
}

// plainSpec is the spec of a container without anything of its own.
func (h Warmth) plainSpec() *specs.Spec {
	spec := runtime.DefaultSpec(runtime.Sandbox{ThermalPaths: h.thermal()})
	ocispec.NetNSTravels(spec)
	return spec
}

// park makes a sandbox.
func (w Warmth) park(ctx context.Context, kind string) (*sandbox, error) {
	var undo Undo
	defer undo.Run()
	client, err := w.deps.Keeper()
	if err != nil {
		return nil, err
	}
	b := &sandbox{id: record.NewID(), spec: w.plainSpec(), keeper: client}
	undo.Add(func() { w.letGo(b) })
	var ns *os.File
	if kind == "none" {
		b.netns, err = w.deps.Networks.ConnectNone(ctx)
		ns = b.netns
	} else if b.place, err = w.deps.Networks.Reserve(ctx); err == nil {
		ns = b.place.NetNS()
	}
	if err != nil {
		b.place = nil
		return nil, err
	}
	c := record.Container{ID: b.id}
	if b.group, err = w.deps.Cgroups.Create(w.CgroupPath(c), b.spec.Linux.Resources); err != nil {
		return nil, err
	}
	names, fds := []string{runtime.FdNetNS}, []*os.File{ns}
	dir, err := b.group.Open()
	if err != nil {
		return nil, err
	}
	if dir != nil {
		defer dir.Close()
		names, fds = append(names, runtime.FdCgroup), append(fds, dir)
	}
	prog, err := runtime.CompilePark(b.spec, runtime.Inputs{Fds: names, Staging: w.deps.Paths.Exec + "/rootfs", Cgroup: w.cgroupInputs(b.group)})
	if err != nil {
		return nil, err
	}
	code, err := prog.Encode()
	if err != nil {
		return nil, err
	}
	box, err := client.Park(ctx, keeper.ParkRequest{ID: b.id, Program: code, Fds: fds})
	if err != nil {
		return nil, err
	}
	b.pid, b.pidfd = box.Pid, box.Pidfd
	undo.Clear()
	return b, nil
}

// drop unmakes a sandbox.
func (w Warmth) drop(b *sandbox) {
	if a := b.ahead.Load(); a != nil {
		a.giveBack()
	}
	_ = b.keeper.Discard(context.Background(), b.id) // it may have ended, or its keeper
	w.letGo(b)
}

// letGo gives back what a sandbox holds beside its process.
func (w Warmth) letGo(b *sandbox) {
	closeAll(b.netns, b.pidfd)
	if b.group != nil {
		if err := ClearGroup(b.group); err != nil {
			w.deps.Warn("%v", err)
		}
	}
	if b.place != nil {
		b.place.Release()
	}
}

// cool ends the process of p's sandbox, if there is one: the container is made
// without it, in its place on the network.
func (w Warmth) cool(p *Prepared) {
	if b := p.box; b != nil {
		p.box, p.sandbox, p.trees, p.group = nil, "", nil, nil
		w.drop(b)
	}
}

// undo gives back what a start that failed had taken, but for the network.
func (w Warmth) undo(p *Prepared) {
	p.giveBack()
	if p.box != nil {
		w.drop(p.box)
	}
}

// takeNetNS is the namespace of a sandbox without a place, which is the caller's from now on.
func (b *sandbox) takeNetNS() (ns *os.File) {
	if b != nil {
		ns, b.netns = b.netns, nil
	}
	return ns
}

// fits reports whether a container can be made of the sandbox.
func (b *sandbox) fits(spec *specs.Spec, keeper func() (*keeper.Client, error)) bool {
	return b.waits(keeper) && reflect.DeepEqual(spec.Linux.Resources.Devices, b.spec.Linux.Resources.Devices) && runtime.Warmable(b.spec, spec)
}

// waits reports whether the sandbox's process waits at the keeper that there is.
func (b *sandbox) waits(keeper func() (*keeper.Client, error)) bool {
	client, err := keeper()
	return err == nil && b.keeper == client && !pidfd.Ended(b.pidfd)
}

// resume compiles what makes a container of the sandbox. It is false when that
// cannot be: then the container is made from the start, which also finds the right words.
func (w Warmth) resume(c record.Container, p *Prepared) bool {
	b := p.box
	if !b.fits(p.spec, w.deps.Keeper) {
		return false
	}
	if limits := p.spec.Linux.Resources; !reflect.DeepEqual(limits, b.spec.Linux.Resources) {
		more := *limits
		more.Devices = nil // they are as they should be
		if b.limited || b.group.Update(&more) != nil {
			return false // the limits of an earlier try would stay
		}
		b.limited = true
	}
	p.trees = nil
	names, fds := []string{runtime.FdRootfs}, []*os.File{p.rootfs}
	for i, m := range p.spec.Mounts[len(b.spec.Mounts):] {
		if m.Type != "bind" {
			continue
		}
		tree, err := w.wiring().openTree(c, m)
		if err != nil {
			return false
		}
		p.ours, p.trees = append(p.ours, tree), append(p.trees, sourceTree{len(fds), m})
		names, fds = append(names, runtime.Tree(len(b.spec.Mounts)+i)), append(fds, tree)
	}
	names, fds = append(names, p.io.Names...), append(fds, p.io.Child...)
	in := runtime.Inputs{Fds: names, Staging: w.deps.Paths.Exec + "/rootfs", Modules: w.modules}
	spec := *p.spec
	linux := *p.spec.Linux
	spec.Linux = &linux
	var err error
	if in.Seccomp, err = w.filter(c.HostConfig, spec.Process); err != nil {
		return false
	}
	if in.Seccomp.Len() > 0 {
		linux.Seccomp = &specs.LinuxSeccomp{} // compiled: the filter has what it says
	}
	prog, err := runtime.CompileResume(b.spec, &spec, in)
	if err != nil {
		return false
	}
	code, err := prog.Encode()
	if err != nil {
		return false
	}
	p.prog, p.program, p.fds, p.sandbox, p.group = prog, code, fds, b.id, b.group
	return true
}

// WentCold reports that a start failed because its sandbox was gone, before
// anything of the container had been done.
func (p *Prepared) WentCold(err error) bool {
	var f *program.Failure
	return p.sandbox != "" && (fault.Is(err, fault.NotFound) || errors.As(err, &f) && f.Step < 0)
}
