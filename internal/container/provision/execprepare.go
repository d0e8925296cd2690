package provision

import (
	"fmt"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/ocispec"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/fault"
	"berth/internal/linux/console"
	"berth/internal/linux/pidfd"
	"berth/internal/linux/user"
	"berth/internal/runtime"
)

// PrepareExec makes everything that a further process in a running container needs.
func (h *Host) PrepareExec(c record.Container, run *Holdings, id string, cfg record.ExecConfig) (p *Prepared, err error) {
	p = &Prepared{io: &stdio.Streams{}}
	defer func() {
		if err != nil {
			p.CloseChildEnds()
			p.io.CloseAll()
		}
	}()
	root, err := os.OpenFile(fmt.Sprintf("/proc/%d/root", run.Pid), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return p, fault.Wrap(fault.Conflict, err, "the container's file system cannot be opened")
	}
	defer root.Close()
	if pidfd.Ended(run.Pidfd) { // the pid may have been another process's by then
		return p, fault.New(fault.Conflict, "container %s is not running", c.ID)
	}
	if p.process, err = h.execProcess(root, c, cfg); err != nil {
		return p, err
	}
	if d, err := h.Others().of(c, id); err != nil || d != nil {
		if err == nil {
			err = h.Others().prepareExec(p, d, cfg)
		}
		return p, err
	}
	names := []string{runtime.FdPidfd}
	p.fds = append(p.fds, run.Pidfd)
	if run.Group != nil {
		dir, err := run.Group.OpenBeside(run.Pid)
		if err != nil {
			return p, fault.Wrap(fault.Internal, err, "the control group cannot be opened")
		}
		if dir != nil {
			p.ours = append(p.ours, dir)
			p.add(&names, runtime.FdCgroup, dir)
		}
	}
	if err := p.openExecStreams(root, cfg); err != nil {
		return p, err
	}
	names = append(names, p.io.Names...)
	p.fds = append(p.fds, p.io.Child...)
	p.held = p.io.Held()
	in := runtime.ExecInputs{Fds: names, Modules: h.modules}
	if run.Group != nil {
		in.Join = run.Group.JoinFiles()
	}
	hc := c.HostConfig
	hc.Privileged = hc.Privileged || cfg.Privileged
	if in.Seccomp, err = h.filter(hc, p.process); err != nil {
		return p, err
	}
	if p.prog, err = runtime.CompileExec(p.process, in); err != nil {
		return p, err
	}
	p.program, err = p.prog.Encode()
	return p, fault.Wrap(fault.Internal, err, "the exec program cannot be encoded")
}

// openExecStreams makes the streams; those that nobody attaches to lead nowhere.
func (p *Prepared) openExecStreams(root *os.File, cfg record.ExecConfig) (err error) {
	if !cfg.Tty {
		p.io, err = stdio.Open(stdio.Request{Stdin: cfg.AttachStdin, Stdout: cfg.AttachStdout, Stderr: cfg.AttachStderr, UID: p.process.User.UID})
		if err != nil {
			p.io = &stdio.Streams{}
		}
		return err
	}
	master, slave, err := console.OpenIn(root)
	if err != nil {
		return err
	}
	p.io.Pty = master
	p.io.Add(runtime.FdPty, slave)
	if err := p.io.GiveTo(p.process.User.UID); err != nil {
		return fault.Wrap(fault.Internal, err, "the terminal cannot be given to the user")
	}
	if size := cfg.ConsoleSize; size != [2]uint{} {
		return stdio.SetSize(master, size[0], size[1])
	}
	return nil
}

// execProcess is the process: the container's environment and rights, with
// what the user changes for this one.
func (h *Host) execProcess(root *os.File, c record.Container, cfg record.ExecConfig) (*specs.Process, error) {
	name := cfg.User
	if name == "" {
		name = c.Config.User
	}
	who, err := user.Lookup(root, name, c.HostConfig.GroupAdd)
	if err != nil {
		return nil, err
	}
	c.Config.Tty = cfg.Tty
	c.Config.Env = config.MergeEnv(h.linkEnvironment(c), cfg.Env)
	c.Path, c.Args = cfg.Cmd[0], cfg.Cmd[1:]
	if cfg.WorkingDir != "" {
		if cfg.WorkingDir[0] != '/' {
			return nil, fault.New(fault.Invalid, "OCI runtime exec failed: exec failed: unable to start container process: Cwd must be an absolute path")
		}
		c.Config.WorkingDir = cfg.WorkingDir
	}
	hc := c.HostConfig
	hc.Privileged = hc.Privileged || cfg.Privileged
	caps, err := config.Capabilities(hc)
	if err != nil {
		return nil, err
	}
	p := &specs.Process{Cwd: "/", Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}}
	return p, ocispec.Wish{Config: c.Config, HostConfig: c.HostConfig, Path: c.Path, Args: c.Args, Modules: h.modules}.Process(p, who)
}
