package provision

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/delegate"
	"berth/internal/fault"
	"berth/internal/keeper"
)

// OwnRuntime is the name of the runtime that needs no program: berth's own.
const OwnRuntime = "berth"

// ownNames are what clients call the runtime that an engine has by itself.
func ownNames() []string { return []string{OwnRuntime, "runc", "io.containerd.runc.v2"} }

// Others are what the host has of other OCI runtimes.
type Others struct{ *Host }

// Others returns what the host has of other OCI runtimes.
func (h *Host) Others() Others { return Others{h} }

// Choose checks the runtime of a new container and records it by its
// name; "" stands for our own.
func (h Others) Choose(hc *config.HostConfig) error {
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
func (h Others) of(c record.Container, process string) (*delegated, error) {
	if c.HostConfig.Runtime == "" {
		return nil, nil
	}
	r, ok := h.deps.Runtimes[c.HostConfig.Runtime]
	if !ok {
		return nil, fault.New(fault.Conflict, "the runtime %q of this container is not configured any more", c.HostConfig.Runtime)
	}
	return &delegated{runtime: r, process: process, group: h.CgroupPath(c), bundle: delegate.Bundle{ID: c.ID, Dir: h.deps.Paths.Exec + "/bundles/" + c.ID}}, nil
}

// prepare makes the bundle and the program that has the runtime create
// the container.
func (h Others) prepare(c record.Container, p *Prepared) error {
	d := p.delegated
	if err := h.spec(c, p); err != nil {
		return err
	}
	if err := d.bundle.Write(p.spec); err != nil {
		return err
	}
	p.undo.Add(func() { h.delete(d) })
	if err := d.openStreams(p, stdio.Request{TTY: c.Config.Tty, Stdin: c.Config.OpenStdin, Stdout: true, Stderr: true, UID: p.process.User.UID}); err != nil {
		return err
	}
	p.undo.Add(p.io.CloseAll)
	p.undo.Add(d.close)
	p.fds = append([]*os.File{p.rootfs}, p.io.Child...)
	p.prog = d.runtime.Create(d.bundle, d.console())
	var err error
	p.program, err = p.prog.Encode()
	return fault.Wrap(fault.Internal, err, "the start program cannot be encoded")
}

// openStreams makes the streams that the runtime hands on, or the place where
// it sends a terminal to.
func (d *delegated) openStreams(p *Prepared, r stdio.Request) error {
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

// TakeTerminal takes the terminal that another runtime made, if one did, and has the keeper hold it too.
func (p *Prepared) TakeTerminal(ctx context.Context, client *keeper.Client, id string) error {
	d := p.delegated
	if d == nil || d.terminal == nil {
		return nil
	}
	defer d.close()
	pty, err := d.terminal.Take()
	if err != nil {
		return err
	}
	p.io.Pty = pty
	return client.Hold(ctx, id, keeper.Held{Name: keeper.StreamPty, File: pty})
}

// Begin lets a container run that another runtime has created; of our own it runs already.
func (h Others) Begin(ctx context.Context, c record.Container, p *Prepared, client *keeper.Client) error {
	d := p.delegated
	if d == nil {
		return nil
	}
	if err := p.TakeTerminal(ctx, client, c.ID); err != nil {
		return err
	}
	if g, err := h.deps.Cgroups.Open(h.CgroupPath(c)); err == nil {
		p.group = g
	}
	if err := d.runtime.Start(ctx, d.bundle); err != nil {
		return fault.Wrap(fault.Internal, err, "OCI runtime start failed")
	}
	return nil
}

// Resume starts a container whose daemon died between create and start.
func (h Others) Resume(ctx context.Context, c record.Container) error {
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
func (h Others) delete(d *delegated) {
	ctx, cancel := context.WithTimeout(context.Background(), foreignTime)
	defer cancel()
	if err := d.runtime.Delete(ctx, d.bundle); err != nil && d.runtime.Known(ctx, d.bundle) {
		h.deps.Warn("container %s: its runtime cannot delete it: %v", d.bundle.ID, err)
	}
	if g, err := h.deps.Cgroups.Open(d.group); err == nil { // it left something
		if err := ClearGroup(g); err != nil {
			h.deps.Warn("container %s: %v", d.bundle.ID, err)
		}
	}
	if err := d.bundle.Remove(); err != nil {
		h.deps.Warn("container %s: %v", d.bundle.ID, err)
	}
}

// Forget does the same for a container that has ended.
func (h Others) Forget(c record.Container) {
	d, err := h.of(c, initProcess)
	switch {
	case err != nil:
		h.deps.Warn("container %s: %v", c.ID, err)
	case d != nil && d.bundle.Exists():
		h.delete(d)
	}
}

// prepareExec describes a further process to the container's runtime.
func (h Others) prepareExec(p *Prepared, d *delegated, cfg record.ExecConfig) error {
	p.delegated = d
	if size := cfg.ConsoleSize; size != [2]uint{} && cfg.Tty {
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

// EndExec removes what only the start of an exec needed.
func (p *Prepared) EndExec() {
	if p.delegated != nil {
		p.delegated.endExec()
	}
}

func (d *delegated) endExec() {
	d.close()
	d.bundle.RemoveProcess(d.process)
}

// pidfile is where the process's ID will be; "" when the keeper knows it anyway.
func (p *Prepared) pidfile() string {
	if p.delegated == nil {
		return ""
	}
	return p.delegated.bundle.Pidfile(p.delegated.process)
}

// explain gives the runtime's own words and the exit code that Docker makes of them.
func (d *delegated) explain(err error) *ExitError {
	verb := "create"
	if d.process != initProcess {
		verb = "exec"
	}
	text, code := d.bundle.Explain()
	if text == "" {
		text = err.Error()
	}
	return &ExitError{Code: code, text: "OCI runtime " + verb + " failed: " + text}
}
