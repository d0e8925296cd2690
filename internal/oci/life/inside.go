//go:build linux

package life

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/seccomp"
	"berth/internal/oci/hook"
	"berth/internal/oci/store"
	"berth/internal/program"
	"berth/internal/runtime"
)

// createHooks run in the container's mount namespace, which still shows the
// host's tree.
func (x *starter) createHooks(rec store.Record, spec *specs.Spec) error {
	return x.inside("createContainer", spec.Hooks.CreateContainer, rec, runtime.HookInputs{Join: []specs.LinuxNamespaceType{
		specs.MountNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace, specs.CgroupNamespace}},
		hookState(rec, spec, specs.StateCreating))
}

// startContainer runs the hooks of that name: files of the container, with no
// more rights than its program will have.
func (x *starter) startContainer(d *store.Dir, spec *specs.Spec, rec store.Record) error {
	if spec.Hooks != nil && len(spec.Hooks.StartContainer) > 0 {
		if err := x.protect(); err != nil {
			return err
		}
		filter, err := seccomp.Compile(spec.Linux.Seccomp)
		if err != nil {
			return err
		}
		in := runtime.HookInputs{Process: spec.Process, Seccomp: filter}
		for _, ns := range spec.Linux.Namespaces {
			in.Join = append(in.Join, ns.Type)
		}
		if err := x.inside("startContainer", spec.Hooks.StartContainer, rec, in, hookState(rec, spec, specs.StateCreated)); err != nil {
			return err
		}
	}
	return d.Release()
}

// inside runs hooks in a container's namespaces, and stops at the first that fails.
func (x *starter) inside(kind string, hooks []specs.Hook, rec store.Record, in runtime.HookInputs, state specs.State) error {
	if len(hooks) == 0 {
		return nil
	}
	input, err := json.Marshal(state)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The container's state cannot be written")
	}
	pidfd, err := rec.PidFd()
	if err != nil {
		return err
	}
	defer pidfd.Close()
	for i, h := range hooks {
		if err := x.insideOne(h, pidfd, in, input); err != nil {
			return fault.Wrap(fault.Internal, err, "error running %s hook #%d", kind, i)
		}
	}
	return nil
}

func (x *starter) insideOne(h specs.Hook, pidfd *os.File, in runtime.HookInputs, input []byte) error {
	// In memory: a pipe would need somebody who writes to it beside the hook.
	stdin, err := memfile("state")
	if err != nil {
		return err
	}
	defer stdin.Close()
	if _, err := stdin.WriteAt(input, 0); err != nil {
		return fault.Wrap(fault.Internal, err, "The container's state cannot be handed over")
	}
	out, err := memfile("output")
	if err != nil {
		return err
	}
	defer out.Close()
	in.Fds = []string{runtime.FdStdin, runtime.FdStdout, runtime.FdStderr, runtime.FdPidfd}
	prog, err := runtime.CompileHook(h, in)
	if err != nil {
		return err
	}
	ws, err := x.runToEnd(prog, []int{int(stdin.Fd()), int(out.Fd()), int(out.Fd()), int(pidfd.Fd())}, h)
	if err != nil || ws.Exited() && ws.ExitStatus() == 0 {
		return err
	}
	text := make([]byte, 4096)
	n, _ := out.ReadAt(text, 0) // what it said is only for the message
	return fault.New(fault.Internal, "exit status %d, stdout/stderr: %s", exitCode(ws), bytes.TrimSpace(text[:n]))
}

func memfile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	return os.NewFile(uintptr(fd), name), fault.Wrap(fault.Internal, err, "Memory for the hook's streams cannot be had")
}

// runToEnd executes a hook's program and waits for it, no longer than the
// hook's timeout.
func (x *starter) runToEnd(prog *program.Program, fds []int, h specs.Hook) (ws unix.WaitStatus, err error) {
	code, err := prog.Encode()
	if err != nil {
		return ws, fault.Wrap(fault.Internal, err, "The hook's program cannot be encoded")
	}
	asm, err := x.executor()
	if err != nil {
		return ws, err
	}
	child, err := asm.Start(code, fds)
	if err != nil {
		reap(child.Pid)
		var failed *program.Failure
		if errors.As(err, &failed) {
			err = prog.Fail(failed.Step, failed.Errno)
		}
		return ws, fault.Wrap(fault.Internal, err, "The hook cannot be executed")
	}
	defer unix.Close(child.PidFd)
	var late atomic.Bool
	if h.Timeout != nil {
		timer := time.AfterFunc(hook.Timeout(h), func() {
			late.Store(true)
			_ = unix.PidfdSendSignal(child.PidFd, unix.SIGKILL, nil, 0) // it may have ended just now
		})
		defer timer.Stop()
	}
	ws, err = reap(child.Pid)
	if ws.Signaled() && ws.Signal() == unix.SIGKILL && late.Load() {
		return ws, fault.New(fault.Internal, "hook ran past its timeout")
	}
	return ws, fault.Wrap(fault.Internal, err, "The hook cannot be waited for")
}
