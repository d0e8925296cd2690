//go:build linux

package runtime

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// mounter compiles the mounts of a start program.
type mounter struct {
	*builder
	spec  *specs.Spec
	in    Inputs
	trees map[int]int // mount's index → step that cloned its source
	dev   bool        // /dev has been filled
	pty   int         // step that cloned the terminal, or -1
}

// mountName is the name of the step that puts a mount in its place. The
// classification of failures relies on it.
func mountName(m specs.Mount) string {
	source := m.Source
	if source == "" {
		source = m.Type
	}
	return "mount " + source + " on " + m.Destination
}

// checkMounts refuses mounts that make no sense or would let a container
// fake /proc for the engine and for security modules (CVE-2019-16884).
func checkMounts(mounts []specs.Mount) error {
	for _, m := range mounts {
		dest := path.Clean(m.Destination)
		switch {
		case !path.IsAbs(dest):
			return fault.New(fault.Invalid, "invalid mount destination %q: mount path must be absolute", m.Destination)
		case dest == "/":
			return fault.New(fault.Invalid, "invalid specification: destination can't be '/'")
		case len(m.UIDMappings)+len(m.GIDMappings) > 0:
			return fault.New(fault.Unsupported, "Id-mapped mounts are not supported yet (%s).", dest)
		case dest == "/proc" && m.Type != "proc" && m.Source != "/proc":
			return fault.New(fault.Invalid, "%q cannot be mounted because it is not of type proc", dest)
		case strings.HasPrefix(dest, "/proc/") && !procFiles()[dest]:
			return fault.New(fault.Invalid, "%q cannot be mounted because it is inside /proc", dest)
		}
	}
	return nil
}

// procFiles are the places inside /proc that programs like lxcfs cover, runc's list.
func procFiles() map[string]bool {
	return map[string]bool{
		"/proc/cpuinfo": true, "/proc/diskstats": true, "/proc/meminfo": true, "/proc/stat": true,
		"/proc/swaps": true, "/proc/uptime": true, "/proc/loadavg": true, "/proc/slabinfo": true,
		"/proc/sys/kernel/ns_last_pid": true, "/proc/net/dev": true, "/proc/sys/crypto/fips_enabled": true,
	}
}

// sources clones what the container takes from the host, while the host's
// tree can still be seen.
func (m *mounter) sources() {
	for i, mount := range m.spec.Mounts {
		o, err := parseOptions(mount)
		if err != nil && m.err == nil {
			m.err = err
		}
		if !o.bind {
			continue
		}
		if !path.IsAbs(mount.Source) {
			m.fail(fault.Invalid, "The bind mount on %s has the source %q, which is not an absolute path.", mount.Destination, mount.Source)
		}
		flags := uint64(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
		if o.rbind {
			flags |= unix.AT_RECURSIVE
		}
		tree := m.add("take "+mount.Source, "it lies on the host, whose tree is about to go", unix.SYS_OPEN_TREE,
			program.Imm(cwd), m.pathArg(mount.Source), program.Imm(flags))
		m.trees[i] = tree
		if !m.in.NoMountSetattr {
			m.dress(program.Res(tree), mount, o)
		}
	}
}

// dress gives a cloned tree its attributes before anybody can see it.
func (m *mounter) dress(tree program.Arg, mount specs.Mount, o mountOptions) {
	if o.propagation == 0 {
		o.propagation, o.spread = unix.MS_PRIVATE, true
	}
	own, all := o.attr, o.recursiveAttr
	if o.spread {
		all.propagation = o.propagation
	} else {
		own.propagation = o.propagation
	}
	if !all.isZero() {
		m.setattr("set up the tree of "+mount.Source, "before it can be seen", tree, true, all)
	}
	if !own.isZero() {
		m.setattr("set up "+mount.Source, "before it can be seen", tree, false, own)
	}
}

// mounts makes the spec's mounts in their order.
func (m *mounter) mounts() {
	for i, mount := range m.spec.Mounts {
		o, _ := parseOptions(mount) // sources has looked at the error
		at := mountpoint{path: path.Clean(mount.Destination), what: mountName(mount), resolve: inRoot}
		if engineOwned(at.path) {
			at.resolve = noLinks
		}
		if tree, ok := m.trees[i]; ok {
			at.either = true
			m.attach(program.Res(tree), at)
			if m.in.NoMountSetattr {
				m.dressByPath(mount, o)
			}
			continue
		}
		switch mount.Type {
		case "proc", "sysfs", "tmpfs", "mqueue", "cgroup2":
			m.attach(m.fsMount(mount, o, at), at)
		case "devpts":
			m.devpts(mount, o, at)
		case "cgroup":
			m.cgroup(mount, o, at)
		default:
			m.fail(fault.Unsupported, "mount type %q of %s is not supported.", mount.Type, mount.Destination)
		}
	}
}

// engineOwned reports whether a path is in what the engine mounts itself.
func engineOwned(p string) bool {
	for _, own := range []string{"/proc", "/sys", "/dev"} {
		if p == own || strings.HasPrefix(p, own+"/") {
			return true
		}
	}
	return false
}

// fsMount makes a new, detached mount of a file system and fills it when it
// is /dev. It returns the mount.
func (m *mounter) fsMount(mount specs.Mount, o mountOptions, at mountpoint) program.Arg {
	if o.propagation == unix.MS_UNBINDABLE || !o.recursiveAttr.isZero() {
		m.fail(fault.Unsupported, "The mount options of %s are not supported for a new file system.", at.path)
	}
	later := mountAttr{}
	if at.path == "/dev" && o.attr.set&unix.MOUNT_ATTR_RDONLY != 0 {
		o.attr.set &^= unix.MOUNT_ATTR_RDONLY
		later.set = unix.MOUNT_ATTR_RDONLY
	}
	fstype := mount.Type
	if fstype == "cgroup" {
		fstype = "cgroup2"
	}
	tree := program.Res(m.newFS(fstype, mount.Source, at.path, o))
	if o.propagation == unix.MS_SHARED {
		m.setattr("share "+at.path, "the spec asks for it", tree, false, mountAttr{propagation: unix.MS_SHARED})
	}
	if at.path == "/dev" && mount.Type == "tmpfs" {
		m.fillDev(tree, true)
		if !later.isZero() {
			m.readOnlyDev(tree, later)
		}
	}
	return tree
}

// readOnlyDev makes /dev read-only once it has been filled, except where the
// kernel is too old to do that to a detached mount.
func (m *mounter) readOnlyDev(tree program.Arg, attr mountAttr) {
	if m.in.NoMountSetattr {
		m.fail(fault.Unsupported, "A read-only /dev needs Linux 5.12.")
		return
	}
	m.setattr("make /dev read-only", "it is complete", tree, false, attr)
}

// newFS is the step whose result is a new detached mount.
func (m *mounter) newFS(fstype, source, dest string, o mountOptions) int {
	fs := m.add("make a "+fstype+" for "+dest, "it is of the container's own namespaces", unix.SYS_FSOPEN, program.Str(fstype), program.Imm(unix.FSOPEN_CLOEXEC))
	if source != "" {
		m.config(fs, dest, "source", source)
	}
	for _, flag := range o.flags {
		m.add("set "+flag+" of "+dest, "an option of the file system", unix.SYS_FSCONFIG,
			program.Res(fs), program.Imm(unix.FSCONFIG_SET_FLAG), m.pathArg(flag), program.Imm(0), program.Imm(0))
	}
	for _, kv := range o.values {
		m.config(fs, dest, kv[0], kv[1])
	}
	m.add("create the file system of "+dest, "its options are complete", unix.SYS_FSCONFIG,
		program.Res(fs), program.Imm(unix.FSCONFIG_CMD_CREATE), program.Imm(0), program.Imm(0), program.Imm(0))
	return m.add("make a mount for "+dest, "detached: nobody sees it yet", unix.SYS_FSMOUNT,
		program.Res(fs), program.Imm(unix.FSMOUNT_CLOEXEC), program.Imm(o.attr.set))
}

func (m *mounter) config(fs int, dest, key, value string) {
	m.add("set "+key+"="+value+" of "+dest, "an option of the file system", unix.SYS_FSCONFIG,
		program.Res(fs), program.Imm(unix.FSCONFIG_SET_STRING), m.pathArg(key), m.pathArg(value), program.Imm(0))
}

// dressByPath is for kernels without mount_setattr(2): what dress does, on
// the attached mount. Paths are followed inside the container's root.
func (m *mounter) dressByPath(mount specs.Mount, o mountOptions) {
	if !o.recursiveAttr.isZero() || o.attr.set&unix.MOUNT_ATTR_NOSYMFOLLOW != 0 {
		m.fail(fault.Unsupported, "The options of the mount on %s need Linux 5.12.", mount.Destination)
	}
	remount := func(what string, flags uint64) {
		m.add(what, "the kernel cannot do it before", unix.SYS_MOUNT, program.Imm(0), m.pathArg(mount.Destination), program.Imm(0), program.Imm(flags), program.Imm(0))
	}
	if flags := mountFlags(o.attr.set); flags != 0 {
		remount("set up "+mount.Source, unix.MS_REMOUNT|unix.MS_BIND|flags)
	}
	if o.propagation == 0 {
		o.propagation, o.spread = unix.MS_PRIVATE, true
	}
	if o.spread {
		o.propagation |= unix.MS_REC
	}
	remount("set the propagation of "+mount.Source, o.propagation)
}

// mountFlags are attributes as mount(2) takes them.
func mountFlags(attr uint64) uint64 {
	var flags uint64
	for _, f := range [][2]uint64{
		{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY}, {unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID}, {unix.MOUNT_ATTR_NODEV, unix.MS_NODEV},
		{unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC}, {unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME},
		{unix.MOUNT_ATTR_STRICTATIME, unix.MS_STRICTATIME}, {unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME},
	} {
		if attr&f[0] != 0 {
			flags |= f[1]
		}
	}
	return flags
}
