//go:build linux

package runtime

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// CompileExec makes the program of a further process in a running container.
// Processes of the container can look at whatever is in their pid namespace,
// signal it, and with CAP_SYS_PTRACE do as they like with it; so nothing comes
// there that has more rights than they (CVE-2016-9962). The child joins
// everything and becomes what it is to be while it is outside still; then it
// is born again, inside, and has nothing left to do there but to execute the
// program. Errors are those of Compile.
func CompileExec(p *specs.Process, in ExecInputs) (*program.Program, error) {
	if err := checkProcess(p, in.Fds); err != nil {
		return nil, err
	}
	if s := p.Scheduler; s != nil && s.Policy == specs.SchedDeadline {
		return nil, fault.New(fault.Unsupported, "A process with the scheduler SCHED_DEADLINE may not be born in the container, so that exec cannot have it.")
	}
	b := newBuilder(in.Fds)
	proc := &process{builder: b, spec: p, filter: in.Seccomp, rootless: in.Rootless, about: in.Kernel}
	pidfd := b.need(FdPidfd)
	b.prog.Clone.Cgroup = b.fd(FdCgroup)
	b.add("forbid core dumps and tracing", "nobody is to look at this process", unix.SYS_PRCTL, program.Imm(unix.PR_SET_DUMPABLE), program.Imm(0), program.Imm(0), program.Imm(0), program.Imm(0))
	startKeyring(b)
	about := nature{b, p}
	cpus := specs.CPUAffinity{}
	if p.ExecCPUAffinity != nil {
		cpus = *p.ExecCPUAffinity
	}
	about.affinity(cpus.Initial, "until the process is in its cgroup")
	joinCgroups(b, in.Join)
	about.affinity(cpus.Final, "the cgroup has its say already")
	about.early(in.Modules)
	flags := uint64(unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP | unix.CLONE_NEWPID)
	if in.UserNS {
		flags |= unix.CLONE_NEWUSER
	}
	if in.TimeNS {
		flags |= unix.CLONE_NEWTIME
	}
	b.add("join the container's namespaces", "all at once, so that none is left out; the root and the working directory become the container's", unix.SYS_SETNS,
		pidfd, program.Imm(flags))
	b.close("close the descriptor of the container", "it has served", pidfd)
	proc.stdio()
	proc.becomeInside()
	proc.execute()
	return b.prog, b.err
}

// becomeInside is become for a process that others are waiting for.
func (p *process) becomeInside() {
	caps, dir := p.bounds()
	late := p.spec.NoNewPrivileges || !p.bearable()
	held := caps
	switch {
	case p.spec.NoNewPrivileges:
		p.noNewPrivileges()
	case late:
		held.effective |= 1 << unix.CAP_SYS_ADMIN
		held.permitted |= 1 << unix.CAP_SYS_ADMIN
		held.ambient = 0
	default:
		p.seccomp("while there is CAP_SYS_ADMIN, which nothing inside may have")
	}
	p.user(dir)
	p.setCaps(held)
	p.add("be born in the container", "it is seen there from now on, and has no more rights than its program will", program.Birth)
	startSession(p.builder)
	p.terminal()
	if late {
		p.seccomp(lateFilter)
	}
	if late && !p.spec.NoNewPrivileges {
		p.setCaps(caps)
	}
}

// bearable reports whether the filter allows what follows on its loading. A
// filter that does not is loaded by the process inside, which keeps
// CAP_SYS_ADMIN until then: such a filter allows no other process either, so
// that the container has little to look at it with.
func (p *process) bearable() bool {
	return p.filter.Allows(unix.SYS_CLONE, program.BirthFlags) && p.filter.Allows(unix.SYS_EXIT_GROUP) && p.filter.Allows(unix.SYS_SETSID) &&
		(!p.spec.Terminal || p.filter.Allows(unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0))
}
