//go:build linux

package runtime

import (
	"path"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// namespace is how a kind of namespace is made and joined.
type namespace struct {
	kind specs.LinuxNamespaceType
	flag uint64
	fd   string // the descriptor that is joined when the spec has a path
}

func namespaceKinds() []namespace {
	return []namespace{
		{specs.MountNamespace, unix.CLONE_NEWNS, ""},
		{specs.PIDNamespace, unix.CLONE_NEWPID, FdPidNS},
		{specs.NetworkNamespace, unix.CLONE_NEWNET, FdNetNS},
		{specs.IPCNamespace, unix.CLONE_NEWIPC, FdIPCNS},
		{specs.UTSNamespace, unix.CLONE_NEWUTS, FdUTSNS},
		{specs.CgroupNamespace, unix.CLONE_NEWCGROUP, FdCgroupNS},
	}
}

// find returns the spec's entry for a kind of namespace, or nil.
func find(spec *specs.Spec, kind specs.LinuxNamespaceType) *specs.LinuxNamespace {
	for i := range spec.Linux.Namespaces {
		if ns := &spec.Linux.Namespaces[i]; ns.Type == kind {
			return ns
		}
	}
	return nil
}

func checkNamespaces(spec *specs.Spec) error {
	seen := map[specs.LinuxNamespaceType]bool{}
	known := map[specs.LinuxNamespaceType]bool{}
	for _, k := range namespaceKinds() {
		known[k.kind] = true
	}
	for _, ns := range spec.Linux.Namespaces {
		switch {
		case !known[ns.Type]:
			return fault.New(fault.Unsupported, "A namespace of type %q is not supported yet.", ns.Type)
		case seen[ns.Type]:
			return fault.New(fault.Invalid, "The spec has two namespaces of type %q.", ns.Type)
		}
		seen[ns.Type] = true
	}
	switch mnt := find(spec, specs.MountNamespace); {
	case mnt == nil || mnt.Path != "":
		return fault.New(fault.Unsupported, "A container without a mount namespace of its own is not supported.")
	case (spec.Hostname != "" || spec.Domainname != "") && find(spec, specs.UTSNamespace) == nil:
		return fault.New(fault.Invalid, "unable to set hostname or domainname without a private UTS namespace")
	}
	return nil
}

// cloneNamespaces sets the flags of the clone. The cgroup namespace is not among
// them: clone(2) would root it in the parent's group.
func cloneNamespaces(b *builder, spec *specs.Spec) {
	b.prog.Clone.Cgroup = b.fd(FdCgroup)
	for _, k := range namespaceKinds() {
		ns := find(spec, k.kind)
		switch {
		case ns == nil || k.kind == specs.CgroupNamespace:
		case k.kind == specs.PIDNamespace && ns.Path != "":
			b.need(FdPidNS)
			b.prog.Clone.PidNS = b.fd(FdPidNS)
		case ns.Path == "" && !(k.kind == specs.NetworkNamespace && b.has(FdNetNS)):
			b.prog.Clone.Flags |= k.flag
		}
	}
}

// startSession takes the process away from its parent's session.
func startSession(b *builder) {
	b.add("start a session", "the container has no terminal but its own", unix.SYS_SETSID)
}

// startKeyring takes the process away from its parent's keys.
func startKeyring(b *builder) {
	b.add("start a session keyring", "the keys of the engine's own session stay with it", unix.SYS_KEYCTL, program.Imm(unix.KEYCTL_JOIN_SESSION_KEYRING), program.Imm(0))
	b.tolerate(unix.ENOSYS, unix.EPERM, unix.EDQUOT)
}

// joinCgroups puts the process into its cgroups. It writes itself: to move another
// process costs a wait for the kernel's grace period (9 ms).
func joinCgroups(b *builder, files []string) {
	for _, file := range files {
		open := b.add("open "+file, "it lies on the host", unix.SYS_OPENAT, program.Imm(cwd), b.pathArg(file), program.Imm(unix.O_WRONLY|unix.O_CLOEXEC), program.Imm(0))
		b.write("join "+path.Dir(file), "all that follows is on the container's account", open, "0")
		b.close("close "+file, "it must not stay with the container", program.Res(open))
	}
	if i := b.fd(FdCgroup); i >= 0 {
		b.close("close the cgroup directory", "/proc/self/fd would lead out of the container (CVE-2024-21626)", program.Fd(i))
	}
}

// enterNamespaces joins the namespaces that exist already and makes the cgroup
// namespace, whose root is where the process is now.
func enterNamespaces(b *builder, spec *specs.Spec) {
	for _, k := range namespaceKinds() {
		ns := find(spec, k.kind)
		joined := ns != nil && (ns.Path != "" || k.kind == specs.NetworkNamespace && b.has(FdNetNS))
		switch {
		case joined && k.kind != specs.PIDNamespace:
			b.add("join the "+string(k.kind)+" namespace", "/sys and /proc show the one in which they are mounted", unix.SYS_SETNS, b.need(k.fd), program.Imm(k.flag))
		case ns != nil && k.kind == specs.CgroupNamespace:
			b.add("make the cgroup namespace", "after joining: the group it is made in becomes its root", unix.SYS_UNSHARE, program.Imm(k.flag))
		}
	}
}

// setNames sets the host and domain name.
func setNames(b *builder, spec *specs.Spec) {
	set := func(what, value string, call uintptr) {
		if value != "" {
			b.add("set the "+what, "in the container's own UTS namespace", call, b.pathArg(value), program.Imm(uint64(len(value))))
		}
	}
	set("host name", spec.Hostname, unix.SYS_SETHOSTNAME)
	set("domain name", spec.Domainname, unix.SYS_SETDOMAINNAME)
}
