package container

import (
	"context"
	"os"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/program"
	"berth/internal/runtime"
)

// prepared is a process that only has to be started.
type prepared struct {
	io        *stdio
	spec      *specs.Spec // of a container; nil for an exec
	process   *specs.Process
	prog      *program.Program
	program   []byte     // encoded
	fds       []*os.File // of the program, in the order of prog.Fds
	held      []keeper.Held
	rootfs    *os.File
	group     *cgroup.Group
	delegated *delegated // made by another runtime; else nil
	endpoint  Endpoint
	ours      []*os.File // descriptors that nobody needs once the process runs
}

// heldPort and the port's index is the name under which the keeper holds the
// socket of a published port.
const heldPort = "port"

// closeChildEnds closes what only the new process needs.
func (p *prepared) closeChildEnds() {
	p.io.closeChild()
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
func (h *host) prepare(ctx context.Context, c Container, undo *undo) (p *prepared, err error) {
	p = &prepared{io: &stdio{}}
	undo.add(p.closeChildEnds)
	conn, err := h.connect(ctx, c, undo)
	if err != nil {
		return nil, err
	}
	p.endpoint = conn.Endpoint
	for i, f := range conn.Holds {
		if f != nil {
			p.held = append(p.held, keeper.Held{Name: heldPort + strconv.Itoa(i), File: f})
		}
	}
	var names []string
	if conn.NetNS != nil {
		p.ours = append(p.ours, conn.NetNS)
		p.add(&names, runtime.FdNetNS, conn.NetNS)
	}
	root, err := h.mountRoot(ctx, c)
	if err != nil {
		return nil, err
	}
	p.rootfs = root
	undo.add(func() { root.Close() })
	p.add(&names, runtime.FdRootfs, root)
	if c, err = h.writeFiles(c, conn.Endpoint); err != nil {
		return nil, err
	}
	spec, err := h.spec(c, p.rootfs, conn.NetNS != nil)
	if err != nil {
		return nil, err
	}
	p.spec, p.process = spec, spec.Process
	if p.delegated, err = h.others().of(c, initProcess); err != nil {
		return nil, err
	}
	if p.delegated != nil {
		return p, h.others().prepare(c, p, conn.NetNS, undo)
	}
	if err := h.enterGroup(p, &names, undo); err != nil {
		return nil, err
	}
	if err := p.openStreams(c, &names, undo); err != nil {
		return nil, err
	}
	return p, h.compile(c, spec, p, names)
}

// enterGroup makes the control group with its limits.
func (h *host) enterGroup(p *prepared, names *[]string, undo *undo) error {
	group, err := h.deps.Cgroups.Create(p.spec.Linux.CgroupsPath, p.spec.Linux.Resources)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the control group %s cannot be made", p.spec.Linux.CgroupsPath)
	}
	p.group = group
	undo.add(func() {
		if err := clearGroup(group); err != nil {
			h.deps.Warn("%v", err)
		}
	})
	dir, err := group.Open()
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
func (p *prepared) openStreams(c Container, names *[]string, undo *undo) error {
	io, err := openStdio(stdioRequest{tty: c.Config.Tty, stdin: c.Config.OpenStdin, stdout: true, stderr: true, size: c.HostConfig.ConsoleSize, uid: p.process.User.UID})
	if err != nil {
		return err
	}
	p.io = io
	undo.add(io.closeAll)
	p.fds = append(p.fds, io.child...)
	*names = append(*names, io.names...)
	p.held = append(p.held, io.held()...)
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
