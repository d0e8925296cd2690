//go:build linux

package runtime

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// A process that has come into a user namespace is still the host's root by its
// user ID, which has no name in the namespace. As that it takes what it needs from the
// host; then it becomes the namespace's root, who makes the rest.

// becomeRoot changes to the root of the user namespace.
func (m *mounter) becomeRoot() {
	if find(m.spec, specs.UserNamespace) == nil {
		return
	}
	zero := program.Imm(0)
	if !m.in.Rootless { // the mapping of an ordinary user does not allow it
		m.add("drop the host's groups", "files could be read through them", unix.SYS_SETGROUPS, zero, zero)
	}
	m.add("become the group of root", "what is made from here on belongs to it", unix.SYS_SETRESGID, zero, zero, zero)
	m.add(nameRoot, "what is made from here on belongs to it", unix.SYS_SETRESUID, zero, zero, zero)
}

// nameRoot is what fails when 0 is not mapped.
const nameRoot = "become the user namespace's root"

// borrowed tells which of the host's mounts stands for a file system that a user
// namespace may not mount, because it does not own what the file system shows.
func (m *mounter) borrowed(fstype string) string {
	if find(m.spec, specs.UserNamespace) == nil {
		return ""
	}
	owner := map[string]specs.LinuxNamespaceType{"proc": specs.PIDNamespace, "sysfs": specs.NetworkNamespace, "mqueue": specs.IPCNamespace}[fstype]
	path := map[string]string{"proc": "/proc", "sysfs": "/sys", "mqueue": "/dev/mqueue"}[fstype]
	if m.in.Cgroup.Unified && (fstype == "cgroup" || fstype == "cgroup2") {
		owner, path = specs.CgroupNamespace, "/sys/fs/cgroup"
	}
	if owner == "" || fresh(m.builder, m.spec, owner) || joined(m.builder, m.spec, owner) && joined(m.builder, m.spec, specs.UserNamespace) {
		return ""
	}
	return path
}
