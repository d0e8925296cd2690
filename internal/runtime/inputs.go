//go:build linux

// Package runtime compiles an OCI spec to a program: the list of system calls
// that turns a cloned child into the container's first process, or into a
// further process of a running container.
//
// It decides everything and does nothing: no function but the few in
// defaults.go that say so looks at the host. What the host has to supply
// arrives as descriptors and as data in Inputs. Whatever a spec asks for that
// is not supported is an error of kind Unsupported; nothing is ignored, except
// what belongs to others: linux.resources and linux.cgroupsPath (package
// linux/cgroup), process.consoleSize (linux/console), root.path (the
// descriptor "rootfs") and annotations.
package runtime

import "berth/internal/linux/seccomp"

// The names of descriptors in Program.Fds.
const (
	FdRootfs = "rootfs" // detached mount of the container's root, from fsmount(2) or open_tree(2)
	FdStdin  = "stdin"
	FdStdout = "stdout"
	FdStderr = "stderr"
	FdPty    = "pty"    // slave of the terminal, instead of the three
	FdDevpts = "devpts" // detached devpts mount that the slave belongs to (start with a terminal only)
	FdCgroup = "cgroup" // cgroup v2 directory that the child is born in
	FdPidfd  = "pidfd"  // a process of the container (exec only)
	// Namespaces that the spec gives a path for travel as descriptors.
	FdNetNS    = "netns"
	FdIPCNS    = "ipcns"
	FdUTSNS    = "utsns"
	FdPidNS    = "pidns" // an nsfs file or a pidfd
	FdCgroupNS = "cgroupns"
	FdUserNS   = "userns"
	FdTimeNS   = "timens"
	FdMntNS    = "mntns"
	// For runtimes that create and start in two commands.
	FdSync  = "sync"  // see Sync
	FdStart = "start" // a byte that can be read from it lets the program execute; open for writing too, so that it never ends
)

// Inputs is what a start program needs beside the spec.
type Inputs struct {
	// Fds names the descriptors that travel, in the order in which the caller
	// hands them to the executor. "rootfs" and either "pty" or all of the
	// three standard streams are needed.
	Fds []string
	// Staging is an existing empty directory of the host. The root is moved
	// there, in the child's own mount namespace, in order to pivot to it.
	Staging string
	Cgroup  Cgroup
	// Seccomp is the compiled linux.seccomp of the spec; the zero Filter when
	// the spec has none.
	Seccomp seccomp.Filter
	// NoMountSetattr says that the kernel is older than 5.12 and does not have
	// mount_setattr(2): read-only binds are then remounted by path.
	NoMountSetattr bool
	// NoPivot says that pivot_root(2) does not work on the host's root (it is
	// an initramfs): the root is moved over it instead.
	NoPivot bool
	// NoNewKeyring leaves the container the caller's session keyring.
	NoNewKeyring bool
	// Rootless says that an ordinary user has made the user namespace, whose
	// processes then may not call setgroups(2).
	Rootless bool
	// RootPath is the container's root on the host when there is no descriptor
	// "rootfs": an ordinary user can clone a tree only inside the user namespace.
	RootPath string
	Modules  Modules // see HostModules
}

// Cgroup says where the child belongs and how the host's cgroups look.
type Cgroup struct {
	// Join lists the `tasks` files (cgroup v1) or `cgroup.procs` files
	// that the child writes itself to, by their paths on the host.
	// It is empty when the descriptor "cgroup" puts the child in place.
	Join []string
	// Unified says that /sys/fs/cgroup is to be cgroup v2.
	Unified bool
	// Hierarchies are the host's mounted v1 hierarchies, for the container's
	// /sys/fs/cgroup.
	Hierarchies []Hierarchy
}

// Hierarchy is one mounted cgroup v1 hierarchy.
type Hierarchy struct {
	Controllers []string // in the kernel's order, as "cpu", "cpuacct"; empty for a named one
	Name        string   // of a named hierarchy ("systemd"), else ""
	Path        string   // the container's own directory in it on the host, for a container without a cgroup namespace
}

// ExecInputs is what an exec program needs beside the process.
type ExecInputs struct {
	// Fds as in Inputs; "pidfd" and the streams are needed.
	Fds []string
	// Join lists the cgroup files to write to, by their paths on the host.
	Join    []string
	Seccomp seccomp.Filter
	// UserNS and TimeNS say that the container has such a namespace, which is not the
	// engine's own: the kernel refuses to join one's own user namespace.
	UserNS, TimeNS bool
	Rootless       bool    // see Inputs
	Modules        Modules // see HostModules
	Kernel         Kernel  // of the container's spec
}
