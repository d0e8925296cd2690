//go:build linux

package runtime

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// usualSteps is more than a container's program usually has. Steps are large:
// growing a slice of them copies half a megabyte on the way of every start.
const usualSteps = 480

// Compile makes the program of a container's first process. Errors are
// fault.Invalid for a spec that contradicts itself, fault.Unsupported for what
// this engine cannot do, and fault.Internal when a descriptor is missing.
//
// The order is runc's (libcontainer/standard_init_linux.go) but for two
// things: everything that is taken from the host is cloned before the root
// changes, so that afterwards no path can lead out of the container; and the
// limits come after the files, so that a low limit cannot stop the start.
func Compile(spec *specs.Spec, in Inputs) (*program.Program, error) {
	if err := check(spec, in); err != nil {
		return nil, err
	}
	b := newBuilder(in.Fds)
	b.prog.Steps = make([]program.Step, 0, usualSteps)
	m := newMounter(b, spec, in)
	p := &process{builder: b, spec: spec.Process, filter: in.Seccomp, rootless: in.Rootless, about: Kernel{spec.Linux.Personality, spec.Linux.MemoryPolicy}}

	cloneNamespaces(b, spec, in.Modules)
	startSession(b)
	if !in.NoNewKeyring {
		startKeyring(b)
	}
	joinCgroups(b, in.Cgroup.Join)
	if !staged(b, spec) {
		nature{b, spec.Process}.early(in.Modules)
	}
	enterNamespaces(b, spec)
	b.recorded(spec)
	setNames(b, spec)

	b.add("set the umask to 0", "modes of what is made from here on are as given", unix.SYS_UMASK, program.Imm(0))
	m.fromHost()
	m.changeRoot()
	m.finish()

	p.stdio()
	p.terminal()
	p.become()
	p.execute()
	return b.prog, b.err
}

// fromHost clones what comes from the host. Bind sources come first: they are
// in the host's peer groups, which "make all mounts private" takes away.
func (m *mounter) fromHost() {
	m.sources()
	m.hierarchySources()
	m.dev.sources()
	if fresh(m.builder, m.spec, specs.MountNamespace) {
		m.add("make all mounts private", "nothing that happens here may reach the host", unix.SYS_MOUNT,
			program.Imm(0), program.Str("/"), program.Imm(0), program.Imm(unix.MS_REC|unix.MS_PRIVATE), program.Imm(0))
	}
	m.masks.emptyDir()
}

// changeRoot makes the container's root the process's, and the host's tree
// disappear.
func (m *mounter) changeRoot() {
	m.masks.sources()
	root := m.takeRoot()
	m.rootPropagation(root)
	m.add("mount the root on the staging directory", "pivot_root(2) wants a mount point", unix.SYS_MOVE_MOUNT,
		root, program.Str(""), program.Imm(cwd), m.pathArg(m.in.Staging), program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH))
	m.add("go to the root", "without a path: what was handed over is what is entered", unix.SYS_FCHDIR, root)
	m.becomeRoot()
	if mountsFirst(m.spec) {
		m.mounts()
		m.hookSyncs(m.spec)
	}
	switch {
	case joined(m.builder, m.spec, specs.MountNamespace):
		m.add("change the root", "others live in this mount namespace, and keep its root", unix.SYS_CHROOT, program.Str("."))
	case m.in.NoPivot:
		m.moveRoot()
	default:
		m.add("pivot the root", "the old root comes to lie on top of the new one", unix.SYS_PIVOT_ROOT, program.Str("."), program.Str("."))
		m.add("take the host's tree away", "from here on every path ends in the container", unix.SYS_UMOUNT2, program.Str("."), program.Imm(unix.MNT_DETACH))
	}
	m.add("stand in the new root", "paths below are relative to it", unix.SYS_CHDIR, program.Str("/"))
}

// takeRoot is the container's root, detached.
func (m *mounter) takeRoot() program.Arg {
	if m.in.RootPath == "" || m.has(FdRootfs) {
		m.root = m.need(FdRootfs)
		return m.root
	}
	m.root = program.Res(m.add("take the root", "only inside the user namespace may an ordinary user clone a tree", unix.SYS_OPEN_TREE,
		program.Imm(cwd), m.pathArg(m.in.RootPath), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)))
	return m.root
}

// rootPropagation takes a root that a runtime has cloned from the host out of the
// host's peer groups. The engine's own is in none.
func (m *mounter) rootPropagation(root program.Arg) {
	if !m.has(FdSync) && !m.has(FdStart) || m.noSetattr {
		return
	}
	p := propagationOptions()[m.spec.Linux.RootfsPropagation]
	if p.flag != unix.MS_SLAVE {
		p.flag = unix.MS_PRIVATE
	}
	m.setattr("set the root's propagation", "mounts in it may not reach the host", root, true, mountAttr{propagation: p.flag})
}

// moveRoot is for a root that cannot be pivoted. The host's tree stays below the
// container's, and a way to it for one that may chroot(2).
func (m *mounter) moveRoot() {
	for _, dir := range []string{"/proc", "/sys"} {
		m.add("take the host's "+dir+" away", "it is not to be found below the container's root", unix.SYS_UMOUNT2, program.Str(dir), program.Imm(unix.MNT_DETACH))
		m.tolerate(unix.EINVAL, unix.ENOENT, unix.EPERM)
	}
	m.add("move the root over the host's", "an initramfs cannot be pivoted", unix.SYS_MOUNT,
		program.Str("."), program.Str("/"), program.Imm(0), program.Imm(unix.MS_MOVE), program.Imm(0))
	m.add("change the root", "the process's root is still the one below", unix.SYS_CHROOT, program.Str("."))
}

// finish makes the mounts and what depends on them.
func (m *mounter) finish() {
	if !mountsFirst(m.spec) {
		m.mounts()
	}
	setSysctls(m.builder, m.spec)
	makeWorkdir(m.builder, m.spec.Process.Cwd)
	m.masks.readOnly()
	m.masks.cover()
	if flag := propagationOptions()[m.spec.Linux.RootfsPropagation]; flag.flag&(unix.MS_SHARED|unix.MS_UNBINDABLE) != 0 {
		if flag.spread {
			flag.flag |= unix.MS_REC
		}
		m.add("set the root's propagation", "the spec asks for it; private and slave it already is", unix.SYS_MOUNT,
			program.Imm(0), program.Str("/"), program.Imm(0), program.Imm(flag.flag), program.Imm(0))
	}
	if m.spec.Root != nil && m.spec.Root.Readonly {
		m.setattrOrRemount("make the root read-only", "the last place has been made in it", m.root, "/")
	}
}

// check refuses a spec before anything is made of it.
func check(spec *specs.Spec, in Inputs) error {
	switch {
	case spec == nil || spec.Process == nil || spec.Linux == nil:
		return fault.New(fault.Invalid, "The spec has no process or no linux section.")
	case in.Staging == "":
		return fault.New(fault.Internal, "The program needs a staging directory.")
	}
	if err := checkSupported(spec); err != nil {
		return err
	}
	if err := checkSync(spec, in); err != nil {
		return err
	}
	if err := checkNamespaces(spec); err != nil {
		return err
	}
	if err := checkMounts(spec.Mounts); err != nil {
		return err
	}
	if p := spec.Linux.RootfsPropagation; p != "" && propagationOptions()[p].flag == 0 {
		return fault.New(fault.Invalid, "rootfsPropagation=%s is not supported", p)
	}
	if (spec.Linux.Seccomp != nil) != (len(in.Seccomp.Bytes) > 0) {
		return fault.New(fault.Internal, "The spec's seccomp profile and the compiled filter do not go together.")
	}
	return checkProcess(spec.Process, in.Fds)
}

// checkProcess refuses a process that cannot be started.
func checkProcess(p *specs.Process, fds []string) error {
	if err := checkProcessSupported(p); err != nil {
		return err
	}
	switch {
	case len(p.Args) == 0:
		return fault.New(fault.Invalid, "The spec has no command to run.")
	case p.Cwd == "" || p.Cwd[0] != '/':
		return fault.New(fault.Invalid, "the working directory '%s' is invalid, it needs to be an absolute path", p.Cwd)
	case p.Terminal != slices.Contains(fds, FdPty):
		return fault.New(fault.Internal, "The spec's terminal and the descriptors do not go together.")
	}
	return checkStrings(p)
}
