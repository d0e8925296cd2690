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
	*filesystems
	spec  *specs.Spec
	in    Inputs
	trees map[int]program.Arg // mount's index → its source, detached
	dev   *devices
	masks *masks
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
		if m.has(Tree(i)) {
			m.trees[i] = m.need(Tree(i))
			m.dressed(m.trees[i], mount, o)
			continue
		}
		if host := m.borrowed(mount.Type); host != "" && !o.bind {
			mount.Source, o.bind, o.rbind = host, true, true
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
		o, _ := parseOptions(mount) // sources has looked at the error
		at := mountpoint{path: path.Clean(mount.Destination), what: mountName(mount), resolve: inRoot}
		if engineOwned(at.path) {
			at.resolve = noLinks
		}
		if tree, ok := m.trees[i]; ok {
			at.either = true
			attach(m.builder, tree, at)
			if m.noSetattr {
				m.dressByPath(mount, o)
			}
			continue
		}
		switch mount.Type {
		case "proc", "sysfs", "tmpfs", "mqueue", "cgroup2":
			attach(m.builder, m.fsMount(mount, o, at), at)
		case "devpts":
			if m.dev.terminal {
				m.dev.pts(at)
			} else {
				attach(m.builder, m.fsMount(mount, o, at), at)
			}
		case "cgroup":
			m.cgroup(mount, o, at)
		default:
			m.fail(fault.Unsupported, "mount type %q of %s is not supported.", mount.Type, mount.Destination)
		}
	}
	m.dev.finish(m.bound("/dev"))
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
		m.dev.fill(tree, true)
		if !later.isZero() {
			m.dev.readOnly(tree, later)
		}
	}
	return tree
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
