package provision

import (
	"cmp"
	"context"
	"os"
	"path"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/netfiles"
	"berth/internal/container/ocispec"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/program"
	"berth/internal/runtime"
)

// Prepared is a process that only has to be started.
type Prepared struct {
	io        *stdio.Streams
	spec      *specs.Spec // of a container; nil for an exec
	process   *specs.Process
	prog      *program.Program
	program   []byte     // encoded
	fds       []*os.File // of the program, in the order of prog.Fds
	held      []keeper.Held
	rootfs    *os.File
	netns     *os.File
	joined    []named  // namespaces of other containers
	box       *sandbox // that the process may be made of; nil for a cold start
	sandbox   string   // its ID, once the program is for it
	group     *cgroup.Group
	delegated *delegated // made by another runtime; else nil
	endpoints []record.Endpoint
	files     netfiles.Files // as written for this run
	ours      []*os.File     // descriptors that nobody needs once the process runs
	trees     []sourceTree
	undo      Undo // gives back what was taken, but for the network
}

// CloseChildEnds closes what only the new process needs.
func (p *Prepared) CloseChildEnds() {
	p.io.CloseChild()
	closeAll(p.ours...)
	p.ours = nil
}

// add hands a descriptor to the program under a name.
func (p *Prepared) add(names *[]string, name string, f *os.File) {
	*names = append(*names, name)
	p.fds = append(p.fds, f)
}

// Prepare takes everything that a run needs: network, file system, control
// group, files, streams; and compiles the program. What it took is on undo.
func (h *Host) Prepare(ctx context.Context, c record.Container, undo *Undo) (*Prepared, error) {
	c, err := h.linked(c)
	if err != nil {
		return nil, err
	}
	p := h.Warmth().take(c)
	undo.Add(func() { h.Warmth().undo(p); h.Storage().unmountVolumes(c, c.ID) })
	c = h.wiring().withFiles(c)
	furnish := func() error { return h.furnish(ctx, c, p) }
	if p.box == nil {
		furnish = beside(furnish) // everything is still to be made
	}
	conn, err := h.wiring().connect(ctx, c, p.box, undo)
	if p.box == nil || err == nil && p.sandbox == "" {
		err = cmp.Or(err, furnish())
	}
	if err != nil {
		return nil, err
	}
	failpoint.At("prepare.connected")
	p.endpoints, p.netns = conn.Endpoints, conn.NetNS
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
		return p, h.Warmth().Cold(c, p)
	}
	if err := cmp.Or(h.wiring().join(c, p), h.wiring().writeFiles(c, p)); err != nil {
		return nil, err
	}
	if p.delegated, err = h.Others().of(c, initProcess); err != nil {
		return nil, err
	}
	if p.delegated != nil {
		return p, h.Others().prepare(c, p)
	}
	if err := p.openStreams(c); err != nil {
		return nil, err
	}
	if p.box != nil && h.Warmth().resume(c, p) {
		return p, nil
	}
	return p, h.Warmth().Cold(c, p)
}

// beside begins a work at once; who calls the result waits for its end.
func beside(work func() error) (end func() error) {
	done := make(chan error, 1)
	go func() { done <- work() }()
	return func() error { return <-done }
}

// furnish mounts the root and makes the spec and, unless somebody else does or
// has, the control group: all that needs no network.
func (h *Host) furnish(ctx context.Context, c record.Container, p *Prepared) error {
	if err := h.Storage().makeSources(c); err != nil {
		return err
	}
	root, err := h.Storage().mountRoot(ctx, c)
	if err != nil {
		return err
	}
	p.rootfs = root
	p.undo.Add(func() { root.Close() })
	failpoint.At("prepare.root-mounted")
	if err := linkMtab(c, root); err != nil {
		return err
	}
	wish := h.wish(c)
	if wish.Init, err = h.writeInit(c); err != nil {
		return err
	}
	if p.spec, err = wish.Spec(p.rootfs); err != nil {
		return err
	}
	p.process = p.spec.Process
	if p.box == nil && c.HostConfig.Runtime == "" {
		return h.makeGroup(p)
	}
	return nil
}

// wish is what the container's user asked for.
func (h *Host) wish(c record.Container) ocispec.Wish {
	return ocispec.Wish{
		Config: c.Config, HostConfig: c.HostConfig, Path: c.Path, Args: c.Args,
		Files: netfiles.Paths{Hosts: c.HostsPath, Hostname: c.HostnamePath, ResolvConf: c.ResolvConfPath},
		Root:  path.Dir(h.deps.Paths.Data), CgroupPath: h.CgroupPath(c), ThermalPaths: h.thermal(), Modules: h.modules,
		VolumeDir: func(name string) (string, error) { return h.deps.Volumes.Mount(name, c.ID) },
	}
}

// Cold makes the control group and compiles the program of a start without a sandbox.
func (h Warmth) Cold(c record.Container, p *Prepared) error {
	h.cool(p)
	var names []string
	p.fds = nil
	if p.netns != nil {
		p.add(&names, runtime.FdNetNS, p.netns)
	}
	for _, j := range p.joined {
		p.add(&names, j.name, j.file)
	}
	p.add(&names, runtime.FdRootfs, p.rootfs)
	if err := h.wiring().handOver(c, p, &names); err != nil {
		return err
	}
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
func (h *Host) makeGroup(p *Prepared) error {
	group, err := h.deps.Cgroups.Create(p.spec.Linux.CgroupsPath, p.spec.Linux.Resources)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the control group %s cannot be made", p.spec.Linux.CgroupsPath)
	}
	failpoint.At("prepare.group-made")
	p.group = group
	p.undo.Add(func() {
		if err := ClearGroup(group); err != nil {
			h.deps.Warn("%v", err)
		}
	})
	return nil
}

// enterGroup has the process born in the group, where that is possible.
func (p *Prepared) enterGroup(names *[]string) error {
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
func (p *Prepared) openStreams(c record.Container) error {
	io, err := stdio.Open(stdio.Request{TTY: c.Config.Tty, Stdin: c.Config.OpenStdin, Stdout: true, Stderr: true, Size: c.HostConfig.ConsoleSize, UID: p.process.User.UID})
	if err != nil {
		return err
	}
	p.io = io
	p.undo.Add(io.CloseAll)
	p.held = append(p.held, io.Held()...)
	return nil
}

// compile turns the spec into the program and encodes it.
func (h *Host) compile(c record.Container, spec *specs.Spec, p *Prepared, names []string) error {
	in := runtime.Inputs{Fds: names, Staging: h.deps.Paths.Exec + "/rootfs", Cgroup: h.cgroupInputs(p.group), Modules: h.modules}
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
