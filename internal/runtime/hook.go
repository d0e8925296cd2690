//go:build linux

package runtime

import (
	"path"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
)

// HookInputs is what a hook's program needs beside the hook.
type HookInputs struct {
	// Fds names the descriptors: the three streams (the container's state is read
	// from stdin) and "pidfd", the container's process.
	Fds []string
	// Join lists the kinds of namespaces of the container's process that the hook runs in.
	// The mount namespace also decides where the hook's path leads.
	Join []specs.LinuxNamespaceType
	// Process and Seccomp are the container's when the hook is a file of the
	// container (startContainer): it gets no more rights than the program that
	// follows it. A nil Process is for a hook of the host's (createContainer).
	Process *specs.Process
	Seccomp seccomp.Filter
}

// CompileHook makes the program of a hook that runs inside a container's
// namespaces. Errors are those of Compile.
func CompileHook(hook specs.Hook, in HookInputs) (*program.Program, error) {
	spec := specs.Process{Args: hook.Args, Env: hook.Env, Cwd: "/"}
	if !path.IsAbs(hook.Path) {
		return nil, fault.New(fault.Invalid, "The path of a hook, %q, is not absolute.", hook.Path)
	}
	if len(hook.Args) == 0 {
		spec.Args = []string{hook.Path}
	}
	if p := in.Process; p != nil {
		spec.User, spec.Capabilities, spec.Rlimits, spec.NoNewPrivileges = p.User, p.Capabilities, p.Rlimits, p.NoNewPrivileges
	}
	if err := checkProcess(&spec, in.Fds); err != nil {
		return nil, err
	}
	b := newBuilder(in.Fds)
	p := &process{builder: b, spec: &spec, filter: in.Seccomp}
	var flags uint64
	for _, kind := range in.Join {
		for _, ns := range namespaceKinds() {
			if ns.kind == kind {
				flags |= ns.flag
			}
		}
	}
	b.add("forbid core dumps and tracing", "the container may see this process", unix.SYS_PRCTL, program.Imm(unix.PR_SET_DUMPABLE), program.Imm(0), program.Imm(0), program.Imm(0), program.Imm(0))
	startKeyring(b)
	if in.Process != nil {
		p.joinAll(flags)
		p.stdio()
		p.becomeInside()
	} else {
		p.hostHook(flags)
	}
	p.exec(nameExec, "all is set up", hook.Path, hook.Env)
	return b.prog, b.err
}

// joinAll joins namespaces of which the pid namespace is entered by becomeInside.
func (p *process) joinAll(flags uint64) {
	if flags != 0 {
		p.add("join the container's namespaces", "the hook's place", unix.SYS_SETNS, p.need(FdPidfd), program.Imm(flags))
	}
}

// hostHook is for a hook that is the host's own, and keeps the host's rights.
func (p *process) hostHook(flags uint64) {
	if flags&unix.CLONE_NEWPID != 0 {
		p.need(FdPidfd)
		p.prog.Clone.PidNS = p.fd(FdPidfd)
	}
	startSession(p.builder)
	p.joinAll(flags &^ unix.CLONE_NEWPID)
	p.stdio()
	p.add("close the rest on execve", "the hook gets its streams and nothing else", unix.SYS_CLOSE_RANGE, program.Imm(3), program.Imm(1<<32-1), program.Imm(unix.CLOSE_RANGE_CLOEXEC))
}
