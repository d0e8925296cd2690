//go:build linux

package runtime

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// CompileExec makes the program of a further process in a running container.
// Its child is born in the container's pid namespace, so a process of the
// container may look at it before it has become the program; hence it is
// first made impossible to trace for all but a capable one, and nothing of
// the host's is open when it enters. Errors are those of Compile.
func CompileExec(p *specs.Process, in ExecInputs) (*program.Program, error) {
	if err := checkProcess(p, in.Fds); err != nil {
		return nil, err
	}
	b := newBuilder(in.Fds)
	proc := &process{builder: b, spec: p, filter: in.Seccomp}
	pidfd := b.need(FdPidfd)
	b.prog.Clone.PidNS = b.fd(FdPidfd)
	b.prog.Clone.Cgroup = b.fd(FdCgroup)
	b.add("forbid core dumps and tracing", "the container can see this process from now on", unix.SYS_PRCTL, program.Imm(unix.PR_SET_DUMPABLE), program.Imm(0), program.Imm(0), program.Imm(0), program.Imm(0))
	startSession(b)
	joinCgroups(b, in.Join)
	proc.oomScore()
	b.add("join the container's namespaces", "all at once, so that none is left out; the root and the working directory become the container's", unix.SYS_SETNS,
		pidfd, program.Imm(unix.CLONE_NEWNS|unix.CLONE_NEWUTS|unix.CLONE_NEWIPC|unix.CLONE_NEWNET|unix.CLONE_NEWCGROUP))
	proc.stdio()
	proc.become()
	proc.execute()
	return b.prog, b.err
}
