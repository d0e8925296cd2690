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

// fillDev makes the device nodes and links of /dev, through the descriptor of
// its mount and before anybody can see it. fresh says that the directory is
// an empty tmpfs, in which no name can lead anywhere else.
func (m *mounter) fillDev(dev program.Arg, fresh bool) {
	m.dev = true
	if fresh {
		for _, dir := range []string{"pts", "shm", "mqueue"} {
			m.add("make the directory /dev/"+dir, "it will be mounted on", unix.SYS_MKDIRAT, dev, program.Str(dir), program.Imm(0o755))
		}
	}
	made := map[string]bool{"pts": true, "shm": true, "mqueue": true}
	for _, d := range append(defaultNodes(), m.spec.Linux.Devices...) {
		m.node(dev, d, fresh, made)
	}
	for _, link := range [][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
	} {
		m.add("link /dev/"+link[1], "every Linux system has it", unix.SYS_SYMLINKAT, program.Str(link[0]), dev, program.Str(link[1]))
		m.tolerate(unix.EEXIST)
	}
	if m.spec.Process.Terminal {
		m.add("make the file /dev/console", "the terminal is mounted on it", unix.SYS_MKNODAT, dev, program.Str("console"), program.Imm(unix.S_IFREG|0o600), program.Imm(0))
		m.tolerate(unix.EEXIST)
	}
}

// node makes one device node and the directories above it.
func (m *mounter) node(dev program.Arg, d specs.LinuxDevice, fresh bool, made map[string]bool) {
	name, ok := strings.CutPrefix(path.Clean(d.Path), "/dev/")
	if !ok || !fresh && strings.Contains(name, "/") {
		m.fail(fault.Unsupported, "The device %s is not in /dev, which is not supported yet.", d.Path)
		return
	}
	if made[name] {
		return
	}
	made[name] = true
	for i, c := range name {
		if dir := name[:i]; c == '/' && !made[dir] {
			made[dir] = true
			m.add("make the directory /dev/"+dir, "a device goes there", unix.SYS_MKDIRAT, dev, m.pathArg(dir), program.Imm(0o755))
		}
	}
	kind, ok := map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}[d.Type]
	if !ok {
		m.fail(fault.Invalid, "The device %s has the unknown type %q.", d.Path, d.Type)
	}
	mode := uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(d.FileMode.Perm())
	}
	number := unix.Mkdev(uint32(d.Major), uint32(d.Minor))
	m.add("make the device /dev/"+name, "the umask is 0 here, so the mode holds", unix.SYS_MKNODAT,
		dev, m.pathArg(name), program.Imm(uint64(kind|mode)), program.Imm(number))
	m.tolerate(unix.EEXIST)
	if uid, gid := id(d.UID), id(d.GID); uid != 0 || gid != 0 {
		m.add("give /dev/"+name+" its owner", "the spec names one", unix.SYS_FCHOWNAT,
			dev, m.pathArg(name), program.Imm(uint64(uid)), program.Imm(uint64(gid)), program.Imm(unix.AT_SYMLINK_NOFOLLOW))
	}
}

func id(p *uint32) uint32 {
	if p == nil {
		return 0
	}
	return *p
}

// defaultNodes are the devices that every container has (config-linux.md,
// Default Devices).
func defaultNodes() []specs.LinuxDevice {
	node := func(name string, minor int64, major int64) specs.LinuxDevice {
		return specs.LinuxDevice{Path: "/dev/" + name, Type: "c", Major: major, Minor: minor}
	}
	return []specs.LinuxDevice{node("null", 3, 1), node("zero", 5, 1), node("full", 7, 1), node("random", 8, 1), node("urandom", 9, 1), node("tty", 0, 5)}
}

// devpts mounts /dev/pts: the daemon's, which the terminal belongs to, or a
// new one.
func (m *mounter) devpts(mount specs.Mount, o mountOptions, at mountpoint) {
	if !m.spec.Process.Terminal {
		m.attach(m.fsMount(mount, o, at), at)
		return
	}
	if at.path != "/dev/pts" {
		m.fail(fault.Unsupported, "A devpts mount on %s is not supported for a container with a terminal.", at.path)
	}
	m.attach(m.need(FdDevpts), at)
	m.pty = m.add("take the terminal", "it can be cloned now that its file system is attached", unix.SYS_OPEN_TREE,
		m.need(FdDevpts), program.Str("0"), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW))
}

// finishDev fills a /dev that is the image's own and puts the terminal on
// /dev/console. It comes after the mounts, one of which may be /dev.
func (m *mounter) finishDev() {
	bound := false
	for i, mount := range m.spec.Mounts {
		_, cloned := m.trees[i]
		bound = bound || cloned && path.Clean(mount.Destination) == "/dev"
	}
	if !m.dev && !bound {
		dev := m.open("find /dev", "the image's own is used", "/dev", unix.O_RDONLY|unix.O_DIRECTORY, noLinks)
		m.fillDev(program.Res(dev), false)
	}
	if !m.spec.Process.Terminal {
		return
	}
	if m.pty < 0 {
		m.fail(fault.Unsupported, "A container with a terminal needs a devpts mount on /dev/pts.")
		return
	}
	console := m.open("find /dev/console", "the terminal goes on it", "/dev/console", unix.O_PATH, noLinks)
	m.move("mount the terminal on /dev/console", "programs that write there mean the terminal", program.Res(m.pty), program.Res(console))
}
