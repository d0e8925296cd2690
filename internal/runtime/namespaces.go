//go:build linux

package runtime

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

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
		{specs.MountNamespace, unix.CLONE_NEWNS, FdMntNS},
		{specs.PIDNamespace, unix.CLONE_NEWPID, FdPidNS},
		{specs.NetworkNamespace, unix.CLONE_NEWNET, FdNetNS},
		{specs.IPCNamespace, unix.CLONE_NEWIPC, FdIPCNS},
		{specs.UTSNamespace, unix.CLONE_NEWUTS, FdUTSNS},
		{specs.CgroupNamespace, unix.CLONE_NEWCGROUP, FdCgroupNS},
		{specs.UserNamespace, unix.CLONE_NEWUSER, FdUserNS},
		{specs.TimeNamespace, unix.CLONE_NEWTIME, FdTimeNS},
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

// fresh reports whether the container gets a new namespace of a kind.
func fresh(b *builder, spec *specs.Spec, kind specs.LinuxNamespaceType) bool {
	ns := find(spec, kind)
	return ns != nil && ns.Path == "" && !(kind == specs.NetworkNamespace && b.has(FdNetNS))
}

// joined reports whether the container joins a namespace of a kind.
func joined(b *builder, spec *specs.Spec, kind specs.LinuxNamespaceType) bool {
	return find(spec, kind) != nil && !fresh(b, spec, kind)
}

func checkNamespaces(spec *specs.Spec) error {
	seen := map[specs.LinuxNamespaceType]bool{}
	for _, ns := range spec.Linux.Namespaces {
		switch {
		case !slices.ContainsFunc(namespaceKinds(), func(k namespace) bool { return k.kind == ns.Type }):
			return fault.New(fault.Invalid, "namespace %q does not exist", ns.Type)
		case seen[ns.Type]:
			return fault.New(fault.Invalid, "The spec has two namespaces of type %q.", ns.Type)
		}
		seen[ns.Type] = true
	}
	switch {
	case !seen[specs.MountNamespace]:
		return fault.New(fault.Unsupported, "A container without a mount namespace of its own is not supported.")
	case (spec.Hostname != "" || spec.Domainname != "") && !seen[specs.UTSNamespace]:
		return fault.New(fault.Invalid, "unable to set hostname or domainname without a private UTS namespace")
	}
	return checkMappings(spec)
}

// checkMappings looks at what user and time namespaces are given.
func checkMappings(spec *specs.Spec) error {
	user, mapped := find(spec, specs.UserNamespace), len(spec.Linux.UIDMappings) > 0 && len(spec.Linux.GIDMappings) > 0
	switch {
	case user == nil && len(spec.Linux.UIDMappings)+len(spec.Linux.GIDMappings) > 0:
		return fault.New(fault.Invalid, "user namespace mappings specified, but user namespace isn't enabled in the config")
	case user != nil && user.Path == "" && !mapped:
		return fault.New(fault.Invalid, "user namespaces enabled, but no user mappings found")
	}
	clock, offsets := find(spec, specs.TimeNamespace), spec.Linux.TimeOffsets
	switch {
	case len(offsets) == 0:
		return nil
	case clock == nil:
		return fault.New(fault.Invalid, "time namespace offsets specified, but time namespace isn't enabled in the config")
	case clock.Path != "":
		return fault.New(fault.Invalid, "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one")
	}
	for name := range offsets {
		if name != "boottime" && name != "monotonic" {
			return fault.New(fault.Invalid, "%q is no clock that a time namespace has", name)
		}
	}
	return nil
}

// staged reports whether the child cannot be born in the container's namespaces:
// a user namespace, which owns the new ones, has to be entered before they are made and
// after others have been joined with the host's rights.
func staged(b *builder, spec *specs.Spec) bool {
	if find(spec, specs.UserNamespace) == nil {
		return false
	}
	return privileged(spec.Process) || slices.ContainsFunc(namespaceKinds(), func(k namespace) bool {
		return k.kind != specs.PIDNamespace && joined(b, spec, k.kind)
	})
}

// privileged reports whether a process is to have what a user namespace's root
// may not give it.
func privileged(p *specs.Process) bool {
	return p.Scheduler != nil || p.IOPriority != nil || len(p.Rlimits) > 0 || p.OOMScoreAdj != nil && *p.OOMScoreAdj < 0
}

// late are made after the clone whatever the container is: clone(2) would root the cgroup
// namespace in the parent's group, and a time namespace in which somebody lives has its offsets for good.
const late = unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// cloneNamespaces sets the flags of the clone, and enters what has to be
// entered before anything else.
func cloneNamespaces(b *builder, spec *specs.Spec, have Modules) {
	b.prog.Clone.Cgroup = b.fd(FdCgroup)
	var flags uint64
	for _, k := range namespaceKinds() {
		if fresh(b, spec, k.kind) && k.flag&late == 0 {
			flags |= k.flag
		}
	}
	if joined(b, spec, specs.PIDNamespace) {
		b.need(FdPidNS)
		b.prog.Clone.PidNS = b.fd(FdPidNS)
	}
	if !staged(b, spec) {
		b.prog.Clone.Flags = flags
		if flags&unix.CLONE_NEWUSER != 0 {
			b.sync(SyncMap, nameMap, "the user namespace has no users yet")
		}
		return
	}
	n := nature{b, spec.Process}
	n.early(have)
	n.raise()
	b.stage(spec, flags)
}

// stage makes and joins the namespaces one after the other.
func (b *builder) stage(spec *specs.Spec, flags uint64) {
	for _, k := range namespaceKinds() {
		if k.flag&(unix.CLONE_NEWPID|unix.CLONE_NEWUSER) == 0 && joined(b, spec, k.kind) {
			b.join(k, "with the host's rights, before they are gone")
		}
	}
	if flags&unix.CLONE_NEWUSER != 0 {
		b.add("make the user namespace", "it will own those that are made in it", unix.SYS_UNSHARE, program.Imm(unix.CLONE_NEWUSER))
		b.sync(SyncMap, nameMap, "the user namespace has no users yet")
	} else {
		b.add("join the user namespace", "it will own those that are made in it", unix.SYS_SETNS, b.need(FdUserNS), program.Imm(unix.CLONE_NEWUSER))
	}
	if flags &^= unix.CLONE_NEWUSER; flags != 0 {
		b.add("make the other namespaces", "the user namespace owns them", unix.SYS_UNSHARE, program.Imm(flags))
	}
	if flags&unix.CLONE_NEWPID != 0 {
		b.add("be born in the pid namespace", "one that makes it stays outside", program.Birth)
	}
}

func (b *builder) join(k namespace, why string) {
	b.add("join the "+string(k.kind)+" namespace", why, unix.SYS_SETNS, b.need(k.fd), program.Imm(k.flag))
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
// namespace, whose root is where the process is now, and the time namespace.
func enterNamespaces(b *builder, spec *specs.Spec) {
	for _, k := range namespaceKinds() {
		if k.flag&(unix.CLONE_NEWPID|unix.CLONE_NEWUSER) == 0 && joined(b, spec, k.kind) && !staged(b, spec) {
			b.join(k, "/sys and /proc show the one in which they are mounted")
		}
	}
	if fresh(b, spec, specs.CgroupNamespace) {
		b.add("make the cgroup namespace", "after joining: the group it is made in becomes its root", unix.SYS_UNSHARE, program.Imm(unix.CLONE_NEWCGROUP))
	}
	if fresh(b, spec, specs.TimeNamespace) {
		b.enterTime(spec.Linux.TimeOffsets)
	}
}

// enterTime makes a time namespace, sets its clocks, and enters it.
func (b *builder) enterTime(offsets map[string]specs.LinuxTimeOffset) {
	host := func(name, file string, flags uint64) int {
		return b.add(name, "the host's /proc can still be seen", unix.SYS_OPENAT, program.Imm(cwd), program.Str(file), program.Imm(flags|unix.O_CLOEXEC), program.Imm(0))
	}
	b.add("make the time namespace", "nobody lives in it yet, so its clocks can be set", unix.SYS_UNSHARE, program.Imm(unix.CLONE_NEWTIME))
	if len(offsets) > 0 {
		var lines []string
		for _, clock := range slices.Sorted(maps.Keys(offsets)) {
			lines = append(lines, clock+" "+strconv.FormatInt(offsets[clock].Secs, 10)+" "+strconv.FormatUint(uint64(offsets[clock].Nanosecs), 10)+"\n")
		}
		file := host("open timens_offsets", "/proc/self/timens_offsets", unix.O_WRONLY)
		b.write("set the clocks", "before anybody lives in the namespace", file, strings.Join(lines, ""))
		b.close("close timens_offsets", "it is a file of the host's", program.Res(file))
	}
	ns := host("open the time namespace", "/proc/self/ns/time_for_children", unix.O_RDONLY)
	b.add("enter the time namespace", "who makes one stays outside", unix.SYS_SETNS, program.Res(ns), program.Imm(unix.CLONE_NEWTIME))
	b.close("close the time namespace", "it is a file of the host's", program.Res(ns))
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
