//go:build linux

package runtime

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// filesystems compiles single mounts: how one is made, and how it gets its
// attributes with what the kernel has.
type filesystems struct {
	*builder
	noSetattr bool // the kernel has no mount_setattr(2), see Inputs.NoMountSetattr
}

// newFS is the step whose result is a new detached mount.
func (f *filesystems) newFS(fstype, source, dest string, o mountOptions) int {
	fs := f.add("make a "+fstype+" for "+dest, "it is of the container's own namespaces", unix.SYS_FSOPEN, program.Str(fstype), program.Imm(unix.FSOPEN_CLOEXEC))
	if source != "" {
		f.config(fs, dest, "source", source)
	}
	f.options(fs, dest, o)
	f.add("create the file system of "+dest, "its options are complete", unix.SYS_FSCONFIG,
		program.Res(fs), program.Imm(unix.FSCONFIG_CMD_CREATE), program.Imm(0), program.Imm(0), program.Imm(0))
	return f.add("make a mount for "+dest, "detached: nobody sees it yet", unix.SYS_FSMOUNT,
		program.Res(fs), program.Imm(unix.FSMOUNT_CLOEXEC), program.Imm(o.attr.set))
}

// options sets the options of a file system that an earlier step has opened.
func (f *filesystems) options(fs int, dest string, o mountOptions) {
	for _, flag := range o.flags {
		f.add("set "+flag+" of "+dest, "an option of the file system", unix.SYS_FSCONFIG,
			program.Res(fs), program.Imm(unix.FSCONFIG_SET_FLAG), f.pathArg(flag), program.Imm(0), program.Imm(0))
	}
	for _, kv := range o.values {
		f.config(fs, dest, kv[0], kv[1])
	}
}

func (f *filesystems) config(fs int, dest, key, value string) {
	f.add("set "+key+"="+value+" of "+dest, "an option of the file system", unix.SYS_FSCONFIG,
		program.Res(fs), program.Imm(unix.FSCONFIG_SET_STRING), f.pathArg(key), f.pathArg(value), program.Imm(0))
}

// dress gives a cloned tree its attributes before anybody can see it.
func (f *filesystems) dress(tree program.Arg, mount specs.Mount, o mountOptions) {
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
		f.setattr("set up the tree of "+mount.Source, "before it can be seen", tree, true, all)
	}
	if !own.isZero() {
		f.setattr("set up "+mount.Source, "before it can be seen", tree, false, own)
	}
}

// dressByPath is for kernels without mount_setattr(2): what dress does, on
// the attached mount. Paths are followed inside the container's root.
func (f *filesystems) dressByPath(mount specs.Mount, o mountOptions) {
	if !o.recursiveAttr.isZero() || o.attr.set&unix.MOUNT_ATTR_NOSYMFOLLOW != 0 {
		f.fail(fault.Unsupported, "The options of the mount on %s need Linux 5.12.", mount.Destination)
	}
	remount := func(what string, flags uint64) {
		f.add(what, "the kernel cannot do it before", unix.SYS_MOUNT, program.Imm(0), f.pathArg(mount.Destination), program.Imm(0), program.Imm(flags), program.Imm(0))
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

// setattrOrRemount makes the mount at a path, which an earlier step holds as
// tree, read-only.
func (f *filesystems) setattrOrRemount(name, why string, tree program.Arg, at string) {
	if !f.noSetattr {
		f.setattr(name, why, tree, false, mountAttr{set: unix.MOUNT_ATTR_RDONLY})
		return
	}
	f.add(name, why, unix.SYS_MOUNT, program.Imm(0), f.pathArg(at), program.Imm(0), program.Imm(unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY), program.Imm(0))
}
