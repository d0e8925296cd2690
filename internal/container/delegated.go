package container

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/stdio"
	"berth/internal/delegate"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/seccomp"
)

// OwnRuntime is the name of the runtime that needs no program: berth's own.
const OwnRuntime = "berth"

// ownNames are what clients call the runtime that an engine has by itself.
func ownNames() []string { return []string{OwnRuntime, "runc", "io.containerd.runc.v2"} }

// others are what the host has of other OCI runtimes.
type others struct{ *host }

func (h *host) others() others { return others{h} }

// choose checks the runtime of a new container and records it by its
// name; "" stands for our own.
func (h others) choose(hc *config.HostConfig) error {
	name := cmp.Or(hc.Runtime, h.deps.DefaultRuntime, OwnRuntime)
	_, configured := h.deps.Runtimes[name]
	switch {
	case configured:
		hc.Runtime = name
	case slices.Contains(ownNames(), name):
		hc.Runtime = ""
	default:
		return fault.New(fault.Invalid, "unknown or invalid runtime name: %s", name)
	}
	return nil
}

// delegated is a process that another OCI runtime makes.
type delegated struct {
	runtime  delegate.Runtime
	bundle   delegate.Bundle
	process  string // "init", or the exec's ID
	group    string // the container's control group
	terminal *delegate.Terminal
}

// foreignTime bounds what a runtime is asked while nobody can wait for long.
const foreignTime = 10 * time.Second

// initProcess is the name of a container's first process in its bundle.
const initProcess = "init"

// of returns what a container's runtime needs, or nil for our own.
func (h others) of(c Container, process string) (*delegated, error) {
	if c.HostConfig.Runtime == "" {
		return nil, nil
	}
	r, ok := h.deps.Runtimes[c.HostConfig.Runtime]
	if !ok {
		return nil, fault.New(fault.Conflict, "the runtime %q of this container is not configured any more", c.HostConfig.Runtime)
	}
	return &delegated{runtime: r, process: process, group: h.cgroupPath(c), bundle: delegate.Bundle{ID: c.ID, Dir: h.deps.Paths.Exec + "/bundles/" + c.ID}}, nil
}

// prepare makes the bundle and the program that has the runtime create
// the container.
func (h others) prepare(c Container, p *prepared) error {
	d := p.delegated
	if err := h.spec(c, p.spec, p.netns); err != nil {
		return err
	}
	if err := d.bundle.Write(p.spec); err != nil {
		return err
	}
	p.undo.add(func() { h.delete(d) })
	if err := d.openStreams(p, stdio.Request{TTY: c.Config.Tty, Stdin: c.Config.OpenStdin, Stdout: true, Stderr: true, UID: p.process.User.UID}); err != nil {
		return err
	}
	p.undo.add(p.io.CloseAll)
	p.undo.add(d.close)
	p.fds = append([]*os.File{p.rootfs}, p.io.Child...)
	p.prog = d.runtime.Create(d.bundle, d.console())
	var err error
	p.program, err = p.prog.Encode()
	return fault.Wrap(fault.Internal, err, "the start program cannot be encoded")
}

// spec makes of our own spec one that anybody can read: namespaces by
// path, and the profile of seccomp itself.
func (h others) spec(c Container, spec *specs.Spec, netns *os.File) error {
	spec.Version = "1.0.2" // nothing in it is newer, and old runtimes look at it
	for i, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace && netns != nil {
			spec.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), netns.Fd())
		}
	}
	// A device cannot be taken out of a wildcard on cgroup v1, say those who try.
	spec.Linux.Resources.Devices = slices.DeleteFunc(spec.Linux.Resources.Devices, func(d specs.LinuxDeviceCgroup) bool {
		return !d.Allow && d.Type != ""
	})
	if size := c.HostConfig.ConsoleSize; c.Config.Tty && size != [2]uint{} {
		spec.Process.ConsoleSize = &specs.Box{Height: size[0], Width: size[1]}
	}
	sec, err := config.ParseSecurity(c.HostConfig.SecurityOpt)
	if err != nil || sec.Unconfined || c.HostConfig.Privileged {
		return err
	}
	var caps []string
	if spec.Process.Capabilities != nil {
		caps = spec.Process.Capabilities.Bounding
	}
	if sec.Profile == nil {
		spec.Linux.Seccomp, err = seccomp.Default(caps)
	} else {
		spec.Linux.Seccomp, err = seccomp.Load(string(sec.Profile), caps)
	}
	return err
}

// openStreams makes the streams that the runtime hands on, or the place where
// it sends a terminal to.
func (d *delegated) openStreams(p *prepared, r stdio.Request) error {
	if r.TTY {
		t, err := d.bundle.OpenTerminal(d.process)
		if err != nil {
			return err
		}
		d.terminal, r = t, stdio.Request{}
	}
	io, err := stdio.Open(r)
	if err != nil {
		d.close()
		return err
	}
	p.io = io
	p.held = append(p.held, io.Held()...)
	return nil
}

func (d *delegated) console() string {
	if d.terminal == nil {
		return ""
	}
	return d.terminal.Path
}

func (d *delegated) close() {
	if d.terminal != nil {
		d.terminal.Close()
		d.terminal = nil
	}
}

// takeTerminal takes the terminal that the runtime made, and has the keeper hold it too.
func (d *delegated) takeTerminal(ctx context.Context, client *keeper.Client, id string, io *stdio.Streams) error {
	if d.terminal == nil {
		return nil
	}
	defer d.close()
	pty, err := d.terminal.Take()
	if err != nil {
		return err
	}
	io.Pty = pty
	return client.Hold(ctx, id, keeper.Held{Name: keeper.StreamPty, File: pty})
}

// begin lets a created container run.
func (h others) begin(ctx context.Context, c Container, p *prepared, client *keeper.Client) error {
	d := p.delegated
	if err := d.takeTerminal(ctx, client, c.ID, p.io); err != nil {
		return err
	}
	if g, err := h.deps.Cgroups.Open(h.cgroupPath(c)); err == nil {
		p.group = g
	}
	if err := d.runtime.Start(ctx, d.bundle); err != nil {
		return fault.Wrap(fault.Internal, err, "OCI runtime start failed")
	}
	return nil
}

// resume starts a container whose daemon died between create and start.
func (h others) resume(ctx context.Context, c Container) error {
	d, err := h.of(c, initProcess)
	if d == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, foreignTime) // the daemon is booting
	defer cancel()
	if !d.runtime.Created(ctx, d.bundle) {
		return nil
	}
	return d.runtime.Start(ctx, d.bundle)
}

// delete has the runtime forget a container, and removes the bundle.
func (h others) delete(d *delegated) {
	ctx, cancel := context.WithTimeout(context.Background(), foreignTime)
	defer cancel()
	if err := d.runtime.Delete(ctx, d.bundle); err != nil && d.runtime.Known(ctx, d.bundle) {
		h.deps.Warn("container %s: its runtime cannot delete it: %v", d.bundle.ID, err)
	}
	if g, err := h.deps.Cgroups.Open(d.group); err == nil { // it left something
		if err := clearGroup(g); err != nil {
			h.deps.Warn("container %s: %v", d.bundle.ID, err)
		}
	}
	if err := d.bundle.Remove(); err != nil {
		h.deps.Warn("container %s: %v", d.bundle.ID, err)
	}
}

// forget does the same for a container that has ended.
func (h others) forget(c Container) {
	d, err := h.of(c, initProcess)
	switch {
	case err != nil:
		h.deps.Warn("container %s: %v", c.ID, err)
	case d != nil && d.bundle.Exists():
		h.delete(d)
	}
}

// prepareExec describes a further process to the container's runtime.
func (h others) prepareExec(p *prepared, d *delegated, cfg ExecConfig, size [2]uint) error {
	p.delegated = d
	if size != [2]uint{} && cfg.Tty {
		p.process.ConsoleSize = &specs.Box{Height: size[0], Width: size[1]}
	}
	if err := d.bundle.WriteProcess(d.process, p.process); err != nil {
		return err
	}
	err := d.openStreams(p, stdio.Request{TTY: cfg.Tty, Stdin: cfg.AttachStdin, Stdout: cfg.AttachStdout, Stderr: cfg.AttachStderr, UID: p.process.User.UID})
	if err == nil {
		p.fds = p.io.Child
		p.prog = d.runtime.Exec(d.bundle, d.process, d.console())
		p.program, err = p.prog.Encode()
	}
	if err != nil {
		d.endExec()
		return fault.Wrap(fault.KindOf(err), err, "the exec program cannot be made")
	}
	return nil
}

// endExec removes what only the start of an exec needed.
func (d *delegated) endExec() {
	d.close()
	d.bundle.RemoveProcess(d.process)
}

// pidfile is where the process's ID will be; "" when the keeper knows it anyway.
func (p *prepared) pidfile() string {
	if p.delegated == nil {
		return ""
	}
	return p.delegated.bundle.Pidfile(p.delegated.process)
}

// explain gives the runtime's own words and the exit code that Docker makes of them.
func (d *delegated) explain(err error) *exitError {
	verb := "create"
	if d.process != initProcess {
		verb = "exec"
	}
	text, code := d.bundle.Explain()
	if text == "" {
		text = err.Error()
	}
	return &exitError{code: code, text: "OCI runtime " + verb + " failed: " + text}
}
