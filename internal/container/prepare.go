package container

import (
	"cmp"
	"context"
	"os"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/netfiles"
	"berth/internal/container/ocispec"
	"berth/internal/container/stdio"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/program"
	"berth/internal/runtime"
)

// prepared is a process that only has to be started.
type prepared struct {
	io        *stdio.Streams
	spec      *specs.Spec // of a container; nil for an exec
	process   *specs.Process
	prog      *program.Program
	program   []byte     // encoded
	fds       []*os.File // of the program, in the order of prog.Fds
	held      []keeper.Held
	rootfs    *os.File
	netns     *os.File
	box       *sandbox // that the process may be made of; nil for a cold start
	sandbox   string   // its ID, once the program is for it
	group     *cgroup.Group
	delegated *delegated // made by another runtime; else nil
	endpoint  Endpoint
	files     netfiles.Files // as written for this run
	ours      []*os.File     // descriptors that nobody needs once the process runs
	trees     []sourceTree
	undo      undo // gives back what was taken, but for the network
}

// heldPort and the port's index is the name under which the keeper holds the
// socket of a published port.
const heldPort = "port"

// closeChildEnds closes what only the new process needs.
func (p *prepared) closeChildEnds() {
	p.io.CloseChild()
	closeAll(p.ours...)
	p.ours = nil
}

// explain gives a failed step Docker's words and exit code.
func (p *prepared) explain(f *program.Failure) (string, int) {
	f = p.prog.Fail(f.Step, f.Errno)
	if p.spec != nil {
		return runtime.StartFailure(f, p.spec)
	}
	return runtime.ExecFailure(f, p.process)
}

// add hands a descriptor to the program under a name.
func (p *prepared) add(names *[]string, name string, f *os.File) {
	*names = append(*names, name)
	p.fds = append(p.fds, f)
}

// prepare takes everything that a run needs: network, file system, control
// group, files, streams; and compiles the program. What it took is on undo.
func (h *host) prepare(ctx context.Context, c Container, undo *undo) (*prepared, error) {
	p := h.warmth().take(c)
	undo.add(func() { h.warmth().undo(p) })
	c = h.withFiles(c)
	furnish := func() error { return h.furnish(ctx, c, p) }
	if p.box == nil {
		furnish = beside(furnish) // everything is still to be made
	}
	conn, err := h.connect(ctx, c, p.box, undo)
	if p.box == nil || err == nil && p.sandbox == "" {
		err = cmp.Or(err, furnish())
	}
	if err != nil {
		return nil, err
	}
	p.endpoint, p.netns = conn.Endpoint, conn.NetNS
	for i, f := range conn.Holds {
		if f != nil {
			p.held = append(p.held, keeper.Held{Name: heldPort + strconv.Itoa(i), File: f})
		}
	}
	if p.netns != nil {
		p.ours = append(p.ours, p.netns)
	}
	if p.sandbox != "" {
		if p.refresh(h, c) {
			return p, nil
		}
		return p, h.warmth().cold(c, p)
	}
	if err := h.writeFiles(c, p); err != nil {
		return nil, err
	}
	if p.delegated, err = h.others().of(c, initProcess); err != nil {
		return nil, err
	}
	if p.delegated != nil {
		return p, h.others().prepare(c, p)
	}
	if err := p.openStreams(c); err != nil {
		return nil, err
	}
	if p.box != nil && h.warmth().resume(c, p) {
		return p, nil
	}
	return p, h.warmth().cold(c, p)
}

// beside begins a work at once; who calls the result waits for its end.
func beside(work func() error) (end func() error) {
	done := make(chan error, 1)
	go func() { done <- work() }()
	return func() error { return <-done }
}

// furnish mounts the root and makes the spec and, unless somebody else does or
// has, the control group: all that needs no network.
func (h *host) furnish(ctx context.Context, c Container, p *prepared) error {
	root, err := h.mountRoot(ctx, c)
	if err != nil {
		return err
	}
	p.rootfs = root
	p.undo.add(func() { root.Close() })
	if p.spec, err = h.wish(c).Spec(p.rootfs); err != nil {
		return err
	}
	p.process = p.spec.Process
	if p.box == nil && c.HostConfig.Runtime == "" {
		return h.makeGroup(p)
	}
	return nil
}

// wish is what the container's user asked for.
func (h *host) wish(c Container) ocispec.Wish {
	return ocispec.Wish{
		Config: c.Config, HostConfig: c.HostConfig, Path: c.Path, Args: c.Args,
		Files:      netfiles.Paths{Hosts: c.HostsPath, Hostname: c.HostnamePath, ResolvConf: c.ResolvConfPath},
		CgroupPath: h.cgroupPath(c), ThermalPaths: h.thermal(),
		VolumeDir: func(name string) (string, error) {
			dir, _, err := h.deps.Volumes.Ensure(name)
			return dir, err
		},
	}
}

// cold makes the control group and compiles the program of a start without a sandbox.
func (h warmth) cold(c Container, p *prepared) error {
	h.cool(p)
	var names []string
	p.fds = nil
	if p.netns != nil {
		p.add(&names, runtime.FdNetNS, p.netns)
	}
	p.add(&names, runtime.FdRootfs, p.rootfs)
	if p.group == nil {
		if err := h.makeGroup(p); err != nil {
			return err
		}
	}
	if err := p.enterGroup(&names); err != nil {
		return err
	}
	p.fds = append(p.fds, p.io.Child...)
	return h.compile(c, p.spec, p, append(names, p.io.Names...))
}

// makeGroup makes the control group with its limits.
func (h *host) makeGroup(p *prepared) error {
	group, err := h.deps.Cgroups.Create(p.spec.Linux.CgroupsPath, p.spec.Linux.Resources)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the control group %s cannot be made", p.spec.Linux.CgroupsPath)
	}
	p.group = group
	p.undo.add(func() {
		if err := clearGroup(group); err != nil {
			h.deps.Warn("%v", err)
		}
	})
	return nil
}

// enterGroup has the process born in the group, where that is possible.
func (p *prepared) enterGroup(names *[]string) error {
	dir, err := p.group.Open()
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the control group cannot be opened")
	}
	if dir != nil {
		p.ours = append(p.ours, dir)
		p.add(names, runtime.FdCgroup, dir)
	}
	return nil
}

// openStreams makes the standard streams; without OpenStdin the input is empty.
func (p *prepared) openStreams(c Container) error {
	io, err := stdio.Open(stdio.Request{TTY: c.Config.Tty, Stdin: c.Config.OpenStdin, Stdout: true, Stderr: true, Size: c.HostConfig.ConsoleSize, UID: p.process.User.UID})
	if err != nil {
		return err
	}
	p.io = io
	p.undo.add(io.CloseAll)
	p.held = append(p.held, io.Held()...)
	return nil
}

// compile turns the spec into the program and encodes it.
func (h *host) compile(c Container, spec *specs.Spec, p *prepared, names []string) error {
	in := runtime.Inputs{Fds: names, Staging: h.deps.Paths.Exec + "/rootfs", Cgroup: h.cgroupInputs(p.group)}
	filter, err := h.filter(c.HostConfig, spec.Process)
	if err != nil {
		return err
	}
	if in.Seccomp = filter; filter.Len() > 0 {
		spec.Linux.Seccomp = &specs.LinuxSeccomp{} // compiled: the filter has what it says
	}
	if p.prog, err = runtime.Compile(spec, in); err != nil {
		return err
	}
	p.program, err = p.prog.Encode()
	return fault.Wrap(fault.Internal, err, "the start program cannot be encoded")
}
