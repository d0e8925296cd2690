//go:build linux

package runtime

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// cgroup makes /sys/fs/cgroup. With cgroup v2 it is one file system, of which
// a new cgroup namespace shows the container's own group as the root. With v1
// it is a tmpfs that holds one mount for each hierarchy and the usual symbolic
// links for hierarchies of several controllers.
func (m *mounter) cgroup(mount specs.Mount, o mountOptions, at mountpoint) {
	if m.in.Cgroup.Unified {
		attach(m.builder, m.fsMount(mount, o, at), at)
		return
	}
	readOnly := o.attr.set & unix.MOUNT_ATTR_RDONLY
	over := mountOptions{values: [][2]string{{"mode", "755"}}}
	over.attr.set = o.attr.set &^ unix.MOUNT_ATTR_RDONLY
	tmpfs := program.Res(m.newFS("tmpfs", "tmpfs", at.path, over))
	for _, h := range m.in.Cgroup.Hierarchies {
		m.add("make the directory "+at.path+"/"+h.dir(), "the hierarchy's place", unix.SYS_MKDIRAT, tmpfs, m.pathArg(h.dir()), program.Imm(0o755))
		if len(h.Controllers) < 2 {
			continue
		}
		for _, name := range h.Controllers {
			m.add("link "+at.path+"/"+name, "programs look for a controller by its own name", unix.SYS_SYMLINKAT,
				m.pathArg(h.dir()), tmpfs, m.pathArg(name))
		}
	}
	attach(m.builder, tmpfs, at)
	for i, h := range m.in.Cgroup.Hierarchies {
		m.hierarchy(i, h, o, at)
	}
	if readOnly != 0 {
		m.setattrOrRemount("make "+at.path+" read-only", "the directories have been made", tmpfs, at.path)
	}
}

// dir is a hierarchy's customary directory in /sys/fs/cgroup.
func (h Hierarchy) dir() string {
	if h.Name != "" {
		return h.Name
	}
	return strings.Join(h.Controllers, ",")
}

// hierarchy mounts one v1 hierarchy: the file system itself, which shows the
// container's group as its root inside a cgroup namespace, or else a bind of
// the group's directory.
func (m *mounter) hierarchy(i int, h Hierarchy, o mountOptions, at mountpoint) {
	place := at.path + "/" + h.dir()
	sub := mountpoint{path: place, what: "mount cgroup on " + place, resolve: noLinks, made: true}
	if tree, ok := m.trees[hierarchyKey(i)]; ok {
		attach(m.builder, tree, sub)
		return
	}
	opts := mountOptions{attr: o.attr, flags: h.Controllers}
	if h.Name != "" {
		opts.values = [][2]string{{"name", h.Name}}
		opts.flags = append(slices.Clone(h.Controllers), "none")
	}
	attach(m.builder, program.Res(m.newFS("cgroup", "cgroup", place, opts)), sub)
}

// hierarchyKey keeps the trees of hierarchies apart from those of mounts.
func hierarchyKey(i int) int { return -1 - i }

// hierarchySources clones the container's v1 directories for a container that
// lives in the host's cgroup namespace.
func (m *mounter) hierarchySources() {
	own := slices.ContainsFunc(m.spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.CgroupNamespace })
	i := slices.IndexFunc(m.spec.Mounts, func(mount specs.Mount) bool { return mount.Type == "cgroup" })
	if own || i < 0 || m.in.Cgroup.Unified {
		return
	}
	o, _ := parseOptions(m.spec.Mounts[i])
	for k, h := range m.in.Cgroup.Hierarchies {
		if h.Path == "" {
			m.fail(fault.Internal, "The cgroup hierarchy %s has no directory for the container.", h.dir())
		}
		if m.noSetattr {
			m.fail(fault.Unsupported, "The host's cgroup namespace needs Linux 5.12 on cgroup v1.")
		}
		tree := m.add("take "+h.Path, "the container sees its own group only", unix.SYS_OPEN_TREE,
			program.Imm(cwd), m.pathArg(h.Path), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
		m.trees[hierarchyKey(k)] = program.Res(tree)
		attr := o.attr
		attr.propagation = unix.MS_PRIVATE
		m.setattr("set up "+h.Path, "before it can be seen", program.Res(tree), false, attr)
	}
}
