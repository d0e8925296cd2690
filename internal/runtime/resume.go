//go:build linux

package runtime

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// CompileResume makes the program that turns a sandbox, parked by CompilePark with
// the spec parked, into a container. Of the descriptors, "netns" and "cgroup" went with
// the sandbox; every bind mount needs its Tree, for the host's tree is gone. It is
// Unsupported when the sandbox does not fit.
func CompileResume(parked, spec *specs.Spec, in Inputs) (*program.Program, error) {
	if err := check(spec, in); err != nil {
		return nil, err
	}
	if !Warmable(parked, spec) || in.NoPivot || in.NoMountSetattr || in.Rootless {
		return nil, fault.New(fault.Unsupported, "The container cannot be made of a sandbox that waits.")
	}
	b := newBuilder(in.Fds)
	b.prog.Steps = make([]program.Step, 0, usualSteps)
	m := newMounter(b, spec, in)
	m.ready = len(parked.Mounts)
	p := &process{builder: b, spec: spec.Process, filter: in.Seccomp, about: Kernel{spec.Linux.Personality, spec.Linux.MemoryPolicy}}

	nature{b, spec.Process}.early(in.Modules)
	setNames(b, spec)
	r := &resumer{mounter: m, parked: parked}
	r.handedOver()
	r.adapt()
	r.enter()
	m.mounts()
	makeWorkdir(b, spec.Process.Cwd)
	if spec.Root != nil && spec.Root.Readonly {
		m.setattrOrRemount("make the root read-only", "the last place has been made in it", b.need(FdRootfs), "/")
	}
	p.stdio()
	p.terminal()
	p.become()
	p.execute()
	return b.prog, b.err
}

// Warmable reports whether a container can be made of a sandbox that was parked
// for another spec: what differs can be done, or undone, by CompileResume.
func Warmable(parked, spec *specs.Spec) bool {
	if parked == nil || spec == nil || spec.Process == nil || spec.Linux == nil {
		return false
	}
	terminal := *spec.Process // a terminal can be given to a sandbox
	terminal.Terminal = false
	here := *spec
	here.Process, here.Mounts = &terminal, parked.Mounts
	l, ready := spec.Linux, len(parked.Mounts)
	p := propagationOptions()[l.RootfsPropagation]
	return unparkable(&here) == "" &&
		p.flag&(unix.MS_SHARED|unix.MS_UNBINDABLE) == 0 &&
		slices.Equal(l.Namespaces, parked.Linux.Namespaces) &&
		slices.Equal(l.MaskedPaths, parked.Linux.MaskedPaths) &&
		slices.Equal(l.ReadonlyPaths, parked.Linux.ReadonlyPaths) &&
		startsWith(l.Devices, parked.Linux.Devices, func(a, b specs.LinuxDevice) bool { return reflect.DeepEqual(a, b) }) &&
		startsWith(spec.Mounts, parked.Mounts, sameMount) &&
		!slices.ContainsFunc(spec.Mounts[ready:], needsHost)
}

func startsWith[T any](list, start []T, same func(a, b T) bool) bool {
	return len(list) >= len(start) && slices.EqualFunc(list[:len(start)], start, same)
}

// sameMount reports whether a mount that is ready is the one that is wanted, or
// can become it.
func sameMount(a, b specs.Mount) bool {
	return a.Destination == b.Destination && a.Type == b.Type && a.Source == b.Source &&
		(slices.Equal(a.Options, b.Options) || isShm(a) && slices.Equal(withoutSize(a), withoutSize(b)) && sizeOf(a) != "" && sizeOf(b) != "")
}

func isShm(m specs.Mount) bool { return m.Type == "tmpfs" && path.Clean(m.Destination) == "/dev/shm" }

func isSize(option string) bool { return strings.HasPrefix(option, "size=") }

func withoutSize(m specs.Mount) []string {
	return slices.DeleteFunc(slices.Clone(m.Options), isSize)
}

// sizeOf is the size in a mount's options, or "".
func sizeOf(m specs.Mount) string {
	if i := slices.IndexFunc(m.Options, isSize); i >= 0 {
		return strings.TrimPrefix(m.Options[i], "size=")
	}
	return ""
}

// needsHost reports whether a mount of the user's is neither a bind, whose source
// is handed over, nor of a kind that takes nothing from the host.
func needsHost(m specs.Mount) bool {
	o, err := parseOptions(m)
	return err != nil || o.remount || !o.bind && m.Type != "tmpfs"
}

// resumer compiles what makes a sandbox a certain container.
type resumer struct {
	*mounter
	parked *specs.Spec // what the sandbox was made of
}

// handedOver takes the binds' sources, all of which have been handed over.
func (r *resumer) handedOver() {
	for i, mount := range r.spec.Mounts[r.ready:] {
		if o, _ := parseOptions(mount); o.bind {
			r.need(Tree(r.ready + i))
		}
	}
	if r.err == nil {
		r.sources()
	}
}

// adapt changes what in the sandbox differs from the container, as long as nobody
// else is there: its root is still the sandbox's own.
func (r *resumer) adapt() {
	r.add("set the umask to 0", "modes of what is made from here on are as given", unix.SYS_UMASK, program.Imm(0))
	for i, mount := range r.parked.Mounts {
		if size := sizeOf(r.spec.Mounts[i]); isShm(mount) && size != sizeOf(mount) {
			r.resize(mount.Destination, size)
		}
	}
	if len(r.spec.Linux.Sysctl) > 0 {
		r.sysctls()
	}
	r.dev.filled = true
	if more := r.spec.Linux.Devices[len(r.parked.Linux.Devices):]; len(more) > 0 || r.dev.terminal {
		r.devices(more)
	}
}

// resize changes the size of a tmpfs and nothing else of it.
func (r *resumer) resize(dest, size string) {
	fs := r.add("pick the file system of "+dest, "its size is to change", unix.SYS_FSPICK, program.Imm(cwd), r.pathArg(dest), program.Imm(unix.FSPICK_CLOEXEC))
	r.config(fs, dest, "size", size)
	r.add("resize "+dest, "its options are complete", unix.SYS_FSCONFIG,
		program.Res(fs), program.Imm(unix.FSCONFIG_CMD_RECONFIGURE), program.Imm(0), program.Imm(0), program.Imm(0))
	r.close("let go of "+dest, "it is as it should be", program.Res(fs))
}

// sysctls sets them although /proc/sys is read-only already.
func (r *resumer) sysctls() {
	const dir = "/proc/sys"
	if !slices.Contains(r.spec.Linux.ReadonlyPaths, dir) {
		setSysctls(r.builder, r.spec)
		return
	}
	cover := r.open("find "+dir, "the mount that makes it read-only", dir, unix.O_PATH, noLinks)
	r.setattr("make "+dir+" writable", "sysctls are to be set", program.Res(cover), true, mountAttr{clear: unix.MOUNT_ATTR_RDONLY})
	for _, file := range setSysctls(r.builder, r.spec) {
		r.close("close a sysctl", "a mount with open files cannot become read-only", program.Res(file))
	}
	r.setattr("make "+dir+" read-only", "nobody has seen that it was not", program.Res(cover), true, mountAttr{set: unix.MOUNT_ATTR_RDONLY})
}

// devices adds devices and the terminal to the sandbox's /dev.
func (r *resumer) devices(more []specs.LinuxDevice) {
	dev := program.Res(r.open("find /dev", "more goes into it", "/dev", unix.O_RDONLY|unix.O_DIRECTORY, noLinks))
	made := taken()
	for _, node := range append(defaultNodes(), r.parked.Linux.Devices...) {
		made[deviceName(node)] = true
	}
	for _, node := range more {
		r.dev.node(dev, node, true, made)
	}
	if !r.dev.terminal {
		return
	}
	r.dev.console(dev)
	i := slices.IndexFunc(r.parked.Mounts, func(mount specs.Mount) bool { return mount.Type == "devpts" })
	if i < 0 {
		return // finish says what is missing
	}
	at := mountpoint{path: path.Clean(r.parked.Mounts[i].Destination), what: mountName(r.parked.Mounts[i]), resolve: noLinks}
	r.add("take the sandbox's "+at.path+" away", "the terminal comes with its own", unix.SYS_UMOUNT2, r.pathArg(at.path), program.Imm(unix.MNT_DETACH))
	r.dev.pts(at)
}

// enter moves the mounts that are ready into the container's root, which becomes
// the process's. Their places are looked for in it like those of all mounts.
//
// The root covers the sandbox's, an empty file system, as the kernel's first
// root is covered at boot. To take that away, pivot_root(2) and umount2(2), would
// take as long as all of the rest: the kernel waits until nobody walks through a
// mount that goes. A root that covers the namespace's is no chroot(2) to the
// kernel, user namespaces can be made in it, and ".." does not lead out of it.
func (r *resumer) enter() {
	root := r.need(FdRootfs)
	var tops []specs.Mount
	for _, mount := range r.parked.Mounts {
		below := func(top specs.Mount) bool {
			return strings.HasPrefix(path.Clean(mount.Destination), path.Clean(top.Destination)+"/")
		}
		if !slices.ContainsFunc(tops, below) {
			tops = append(tops, mount)
		}
	}
	trees := make([]int, len(tops))
	for i, mount := range tops {
		trees[i] = r.open("take "+mount.Destination, "it is about to be moved, with all that is mounted in it", path.Clean(mount.Destination), unix.O_PATH, noLinks)
	}
	r.add("mount the root on the sandbox's", "for whoever enters the namespace it is the root from here on", unix.SYS_MOVE_MOUNT,
		root, program.Str(""), program.Imm(cwd), program.Str("/"), program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH))
	r.add("go to the root", "without a path: what was handed over is what is entered", unix.SYS_FCHDIR, root)
	for i, mount := range tops {
		attach(r.builder, program.Res(trees[i]), mountpoint{path: path.Clean(mount.Destination), what: mountName(mount), resolve: noLinks})
	}
	r.add("make it the process's root", "nothing leads to what it lies on, which is empty", unix.SYS_CHROOT, program.Str("."))
	r.add("stand in the new root", "paths below are relative to it", unix.SYS_CHDIR, program.Str("/"))
}
