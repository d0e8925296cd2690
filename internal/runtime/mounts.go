//go:build linux

package runtime

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// mounter compiles the mounts of a start program.
type mounter struct {
	*filesystems
	spec  *specs.Spec
	in    Inputs
	trees map[int]program.Arg // mount's index → its source, detached
	root  program.Arg         // the container's, once it has been taken
	dev   *devices
	masks *masks
	ready int // so many of the spec's mounts are there already: see CompileResume
}

func newMounter(b *builder, spec *specs.Spec, in Inputs) *mounter {
	fs := &filesystems{builder: b, noSetattr: in.NoMountSetattr}
	return &mounter{
		filesystems: fs, spec: spec, in: in, trees: map[int]program.Arg{},
		dev: &devices{filesystems: fs, nodes: spec.Linux.Devices, terminal: spec.Process.Terminal, pty: -1,
			borrow: find(spec, specs.UserNamespace) != nil, borrowed: map[string]int{}},
		masks: &masks{filesystems: fs, linux: spec.Linux, staging: in.Staging},
	}
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
		if m.has(Tree(i)) {
			m.trees[i] = m.need(Tree(i))
			m.dressed(m.trees[i], mount, o)
			continue
		}
		if o.prepared != "" {
			m.fail(fault.Unsupported, "The mount option %q of %s is not supported here.", o.prepared, mount.Destination)
		}
		if host := m.borrowed(mount.Type); host != "" && !o.bind {
			mount.Source, o = host, mountOptions{recursiveAttr: mountAttr{set: o.attr.set}, bind: true, rbind: true}
		}
		if o.remount {
			continue
		}
		if !o.bind && !ours(mount.Type) {
			// Its source and what else it names are paths of the host's.
			m.trees[i] = m.newMount(mount, o, path.Clean(mount.Destination))
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
		m.trees[i] = program.Res(tree)
		m.dressed(m.trees[i], mount, o)
	}
}

// dressed dresses a tree, if it can be done before it is seen.
func (m *mounter) dressed(tree program.Arg, mount specs.Mount, o mountOptions) {
	if !m.noSetattr {
		m.dress(tree, mount, o)
	}
}

// mounts makes the spec's mounts in their order.
func (m *mounter) mounts() {
	for i, mount := range m.spec.Mounts {
		if i < m.ready {
			continue
		}
		o, _ := parseOptions(mount) // sources has looked at the error
		at := mountpoint{path: path.Clean(mount.Destination), what: mountName(mount), resolve: inRoot}
		if engineOwned(at.path) {
			at.resolve = noLinks
		}
		at.made = m.made(i, at.path)
		if tree, ok := m.trees[i]; ok {
			at.either, at.made = true, false
			attach(m.builder, tree, at)
			if m.noSetattr {
				m.dressByPath(mount, o)
			}
			continue
		}
		switch {
		case o.remount:
			m.remount(mount, o, at)
		case mount.Type == "devpts" && m.dev.terminal:
			m.dev.pts(at)
		case mount.Type == "cgroup":
			m.cgroup(mount, o, at)
		default:
			attach(m.builder, m.fsMount(mount, o, at), at)
		}
	}
	m.dev.finish(m.bound("/dev"))
}

// made reports whether a place is there for certain when the mount's turn comes: it
// is in a file system of ours that was mounted before, whole, and has it. The many
// steps that would make it are saved.
func (m *mounter) made(i int, dest string) bool {
	dir, fstype := "/dev", "tmpfs"
	switch dest {
	case "/dev/pts", "/dev/shm", "/dev/mqueue":
	case "/sys/fs/cgroup":
		dir, fstype = "/sys", "sysfs"
	default:
		return false
	}
	found := false
	for k, mount := range m.spec.Mounts {
		other := path.Clean(mount.Destination)
		_, foreign := m.trees[k]
		switch {
		case other == dir && (found || k > i || mount.Type != fstype || foreign):
			return false
		case other == dir:
			found = true
		case other == "/sys/fs":
			return false
		}
	}
	return found
}

// ours reports whether a file system needs nothing of the host's: it is made in
// the container's root, when it is its turn.
func ours(fstype string) bool {
	return slices.Contains([]string{"proc", "sysfs", "tmpfs", "mqueue", "cgroup", "cgroup2", "devpts"}, fstype)
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
	o.attr.set |= o.recursiveAttr.set // nothing is below it
	later := mountAttr{}
	if at.path == "/dev" && o.attr.set&unix.MOUNT_ATTR_RDONLY != 0 {
		o.attr.set &^= unix.MOUNT_ATTR_RDONLY
		later.set = unix.MOUNT_ATTR_RDONLY
	}
	if mount.Type == "cgroup" {
		mount.Type = "cgroup2"
	}
	tree := m.newMount(mount, o, at.path)
	if at.path == "/dev" && mount.Type == "tmpfs" {
		m.dev.fill(tree, true)
		if !later.isZero() {
			m.dev.readOnly(tree, later)
		}
	}
	return tree
}

// newMount makes a new, detached mount of any file system.
func (m *mounter) newMount(mount specs.Mount, o mountOptions, dest string) program.Arg {
	o.attr.set |= o.recursiveAttr.set // nothing is below it
	if label := m.spec.Linux.MountLabel; label != "" && labelled(mount.Type) {
		o.values = append(o.values, [2]string{"context", label})
	}
	if !ours(mount.Type) && o.attr.set&unix.MOUNT_ATTR_RDONLY != 0 {
		o.flags = append(o.flags, "ro") // a device may be read-only itself
	}
	tree := program.Res(m.newFS(mount.Type, mount.Source, dest, o))
	if o.propagation&(unix.MS_SHARED|unix.MS_UNBINDABLE) != 0 {
		m.setattr("set the propagation of "+dest, "the spec asks for it", tree, false, mountAttr{propagation: o.propagation})
	}
	return tree
}

// labelled reports whether SELinux takes a label for the whole of a file system.
func labelled(fstype string) bool {
	return !slices.Contains([]string{"proc", "sysfs", "cgroup", "cgroup2", "mqueue"}, fstype)
}

// remount changes a mount that is there: its own attributes and, unless it
// is a bind's, the options of its file system.
func (m *mounter) remount(mount specs.Mount, o mountOptions, at mountpoint) {
	if m.noSetattr {
		m.fail(fault.Unsupported, "The mount option \"remount\" of %s needs Linux 5.12.", mount.Destination)
	}
	place := program.Res(m.open("find "+at.path, "it is changed through what was opened", at.path, unix.O_PATH, at.resolve))
	if !o.bind && len(o.flags)+len(o.values) > 0 {
		fs := m.add("pick the file system of "+at.path, "its options are changed", unix.SYS_FSPICK, place, program.Str(""), program.Imm(unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH))
		m.options(fs, at.path, o)
		m.add("reconfigure the file system of "+at.path, "its options are complete", unix.SYS_FSCONFIG,
			program.Res(fs), program.Imm(unix.FSCONFIG_CMD_RECONFIGURE), program.Imm(0), program.Imm(0), program.Imm(0))
	}
	if !o.recursiveAttr.isZero() {
		m.setattr(at.what, "with all that is below it", place, true, o.recursiveAttr)
	}
	o.attr.propagation = o.propagation
	m.setattr(at.what, "it is there already", place, o.spread, o.attr)
}

// bound reports whether a bind mount goes on a path.
func (m *mounter) bound(dest string) bool {
	for i, mount := range m.spec.Mounts {
		if _, cloned := m.trees[i]; cloned && path.Clean(mount.Destination) == dest {
			return true
		}
	}
	return false
}
