//go:build linux

package runtime

import (
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// A start in two parts. What most containers have in common is made before
// anybody asks for one: CompilePark makes the program of a sandbox, whose process then
// waits, and CompileResume the program that makes it a certain container. Together
// their effect is Compile's. A sandbox has a root of its own, in which /proc, /sys and
// /dev lie ready at their places; of the host's tree it holds nothing.

// CompilePark makes the program of a sandbox for containers that differ from spec
// only in what CompileResume can do (Warmable). Of spec.Process nothing is
// used, and of in neither "rootfs" nor streams.
func CompilePark(spec *specs.Spec, in Inputs) (*program.Program, error) {
	if err := checkPark(spec, in); err != nil {
		return nil, err
	}
	b := newBuilder(in.Fds)
	b.prog.Steps = make([]program.Step, 0, usualSteps)
	m := newMounter(b, spec, in)
	cloneNamespaces(b, spec, Modules{})
	startSession(b)
	startKeyring(b)
	joinCgroups(b, in.Cgroup.Join)
	enterNamespaces(b, spec)
	b.add("set the umask to 0", "modes of what is made from here on are as given", unix.SYS_UMASK, program.Imm(0))
	m.fromHost()
	m.masks.sources()
	m.sandbox()
	m.mounts()
	m.masks.readOnly()
	m.masks.cover()
	b.add("wait", "the rest is a certain container's", unix.SYS_GETPID)
	return b.prog, b.err
}

// sandbox makes the sandbox's root that of the process, and the host's tree disappear.
func (m *mounter) sandbox() {
	o := mountOptions{values: [][2]string{{"mode", "755"}, {"nr_blocks", "1"}, {"nr_inodes", "16"}}}
	root := program.Res(m.newFS("tmpfs", "tmpfs", "the sandbox", o))
	m.add("mount the sandbox on the staging directory", "pivot_root(2) wants a mount point", unix.SYS_MOVE_MOUNT,
		root, program.Str(""), program.Imm(cwd), m.pathArg(m.in.Staging), program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH))
	m.add("go to the sandbox", "it becomes the root", unix.SYS_FCHDIR, root)
	m.pivot()
}

// pivot makes the working directory the root, and what was the root disappear.
func (m *mounter) pivot() {
	m.add("pivot the root", "the old root comes to lie on top of the new one", unix.SYS_PIVOT_ROOT, program.Str("."), program.Str("."))
	m.add("take the old tree away", "from here on every path ends in the new one", unix.SYS_UMOUNT2, program.Str("."), program.Imm(unix.MNT_DETACH))
	m.add("stand in the new root", "paths below are relative to it", unix.SYS_CHDIR, program.Str("/"))
}

// checkPark refuses what cannot be made ready beforehand.
func checkPark(spec *specs.Spec, in Inputs) error {
	switch {
	case spec == nil || spec.Process == nil || spec.Linux == nil:
		return fault.New(fault.Invalid, "The spec has no process or no linux section.")
	case in.Staging == "":
		return fault.New(fault.Internal, "The program needs a staging directory.")
	case in.NoPivot || in.NoMountSetattr || in.Rootless:
		return fault.New(fault.Unsupported, "A sandbox needs pivot_root(2), Linux 5.12 and root.")
	}
	if what := unparkable(spec); what != "" {
		return fault.New(fault.Unsupported, "A sandbox cannot be made beforehand with %s.", what)
	}
	if err := checkNamespaces(spec); err != nil {
		return err
	}
	return checkMounts(spec.Mounts)
}

// unparkable names what in a spec needs the host's tree or somebody on the other side
// while the container is made, or "".
func unparkable(spec *specs.Spec) string {
	l, h := spec.Linux, spec.Hooks
	//lint:ignore SA1019 specs may still have prestart hooks
	hooks := h != nil && len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer)+len(h.StartContainer)+len(h.Poststart)+len(h.Poststop) > 0
	away := func(p string) bool { return !engineOwned(path.Clean(p)) }
	for _, f := range []feature{
		{"hooks", hooks},
		{"a user namespace", find(spec, specs.UserNamespace) != nil},
		{"the mount namespace of others", find(spec, specs.MountNamespace) == nil || find(spec, specs.MountNamespace).Path != ""},
		{"a time namespace", find(spec, specs.TimeNamespace) != nil},
		{"network devices", len(l.NetDevices) > 0},
		{"a mount label", l.MountLabel != ""},
		{"a terminal", spec.Process.Terminal},
		{"masks of the image's own files", slices.ContainsFunc(l.MaskedPaths, away)},
		{"read-only paths of the image's own", slices.ContainsFunc(l.ReadonlyPaths, away)},
		{"mounts outside /proc, /sys and /dev", slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool {
			return away(m.Destination) || !slices.Contains([]string{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup"}, m.Type)
		})},
		{"no /dev of its own", !slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool { return path.Clean(m.Destination) == "/dev" && m.Type == "tmpfs" })},
	} {
		if f.asked {
			return f.what
		}
	}
	return ""
}
