//go:build linux

package runtime

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// devices compiles what is in /dev.
type devices struct {
	*filesystems
	nodes    []specs.LinuxDevice // of the spec, beside the default ones
	terminal bool                // the container has one
	filled   bool
	pty      int            // step that cloned the terminal, or -1
	borrow   bool           // nodes cannot be made: the host's are mounted
	borrowed map[string]int // name in /dev → step that cloned the host's
}

// sources clones the host's nodes when a user namespace forbids to make any.
func (d *devices) sources() {
	if !d.borrow {
		return
	}
	for _, n := range append(defaultNodes(), d.nodes...) {
		if name := deviceName(n); name != "" && n.Type != "p" && d.borrowed[name] == 0 {
			d.borrowed[name] = d.add("take /dev/"+name, "a user namespace cannot make devices", unix.SYS_OPEN_TREE,
				program.Imm(cwd), d.pathArg("/dev/"+name), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
		}
	}
}

// lend mounts the host's nodes on the files that stand in their places.
func (d *devices) lend() {
	for _, name := range slices.Sorted(maps.Keys(d.borrowed)) {
		place := d.open("find /dev/"+name, "the host's goes on it", "/dev/"+name, unix.O_PATH, noLinks)
		d.move("mount /dev/"+name, "a user namespace cannot make devices", program.Res(d.borrowed[name]), program.Res(place))
	}
}

// deviceName is a device's path below /dev, or "".
func deviceName(n specs.LinuxDevice) string {
	name, _ := strings.CutPrefix(path.Clean(n.Path), "/dev/")
	if path.IsAbs(name) {
		return ""
	}
	return name
}

// fill makes the device nodes and links of /dev, through the descriptor of
// its mount and before anybody can see it. fresh says that the directory is
// an empty tmpfs, in which no name can lead anywhere else.
func (d *devices) fill(dev program.Arg, fresh bool) {
	d.filled = true
	if fresh {
		for _, dir := range []string{"pts", "shm", "mqueue"} {
			d.add("make the directory /dev/"+dir, "it will be mounted on", unix.SYS_MKDIRAT, dev, program.Str(dir), program.Imm(0o755))
		}
	}
	made := taken()
	for _, node := range append(defaultNodes(), d.nodes...) {
		d.node(dev, node, fresh, made)
	}
	for _, link := range [][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
	} {
		d.add("link /dev/"+link[1], "every Linux system has it", unix.SYS_SYMLINKAT, program.Str(link[0]), dev, program.Str(link[1]))
		d.tolerate(unix.EEXIST)
	}
	d.console(dev)
}

// taken are the names in /dev that no device of the host's may have: ptmx is a link to the
// container's own.
func taken() map[string]bool {
	return map[string]bool{"pts": true, "shm": true, "mqueue": true, "ptmx": true}
}

// console makes the place of the terminal.
func (d *devices) console(dev program.Arg) {
	if d.terminal {
		d.add("make the file /dev/console", "the terminal is mounted on it", unix.SYS_MKNODAT, dev, program.Str("console"), program.Imm(unix.S_IFREG|0o600), program.Imm(0))
		d.tolerate(unix.EEXIST)
	}
}

// node makes one device node and the directories above it.
func (d *devices) node(dev program.Arg, n specs.LinuxDevice, fresh bool, made map[string]bool) {
	name := deviceName(n)
	if made[name] || elsewhere(n, fresh) {
		return // finish makes the others
	}
	made[name] = true
	for i, c := range name {
		if dir := name[:i]; c == '/' && !made[dir] {
			made[dir] = true
			d.add("make the directory /dev/"+dir, "a device goes there", unix.SYS_MKDIRAT, dev, d.pathArg(dir), program.Imm(0o755))
		}
	}
	d.mknod(dev, name, "/dev/"+name, n)
	d.tolerate(unix.EEXIST)
	d.own(dev, name, "/dev/"+name, n)
}

// mknod makes a device's node, or the file that one of the host's is mounted on.
func (d *devices) mknod(dir program.Arg, name, full string, n specs.LinuxDevice) {
	kind, ok := map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}[n.Type]
	if !ok {
		d.fail(fault.Invalid, "The device %s has the unknown type %q.", n.Path, n.Type)
	}
	mode := uint32(0o666)
	if n.FileMode != nil {
		mode = uint32(n.FileMode.Perm())
	}
	number := unix.Mkdev(uint32(n.Major), uint32(n.Minor))
	if _, ok := d.borrowed[name]; ok {
		kind, mode, number = unix.S_IFREG, 0o666, 0
	}
	d.add("make the device "+full, "the umask is 0 here, so the mode holds", unix.SYS_MKNODAT,
		dir, d.pathArg(name), program.Imm(uint64(kind|mode)), program.Imm(number))
}

func (d *devices) own(dir program.Arg, name, full string, n specs.LinuxDevice) {
	if _, borrowed := d.borrowed[name]; borrowed || id(n.UID) == 0 && id(n.GID) == 0 {
		return
	}
	d.add("give "+full+" its owner", "the spec names one", unix.SYS_FCHOWNAT,
		dir, d.pathArg(name), program.Imm(uint64(id(n.UID))), program.Imm(uint64(id(n.GID))), program.Imm(unix.AT_SYMLINK_NOFOLLOW))
}

// elsewhere reports whether a device's place is not among those that fill makes: it is outside
// /dev, or deeper in a /dev that is the image's own, where a name may lead anywhere.
func elsewhere(n specs.LinuxDevice, fresh bool) bool {
	name := deviceName(n)
	return name == "" || !fresh && strings.Contains(name, "/")
}

// away makes a device in the container's file system. What an earlier run, or the image, has in
// its place goes away: it may be another device.
func (d *devices) away(n specs.LinuxDevice) {
	if d.borrow {
		d.fail(fault.Unsupported, "The device %s is not in /dev, which is not supported with a user namespace.", n.Path)
		return
	}
	at := mountpoint{path: path.Clean(n.Path), resolve: inRoot}
	dir, name := parents(d.builder, at)
	d.add("make room for "+at.path, "it may be there from an earlier run", unix.SYS_UNLINKAT, dir, d.pathArg(name), program.Imm(0))
	d.tolerate(unix.ENOENT)
	d.mknod(dir, name, at.path, n)
	d.own(dir, name, at.path, n)
}

// readOnly makes /dev read-only once it has been filled, except where the
// kernel is too old to do that to a detached mount.
func (d *devices) readOnly(tree program.Arg, attr mountAttr) {
	if d.noSetattr {
		d.fail(fault.Unsupported, "A read-only /dev needs Linux 5.12.")
		return
	}
	d.setattr("make /dev read-only", "it is complete", tree, false, attr)
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

// pts attaches the daemon's devpts, which the terminal belongs to, and takes
// the terminal from it.
func (d *devices) pts(at mountpoint) {
	if at.path != "/dev/pts" {
		d.fail(fault.Unsupported, "A devpts mount on %s is not supported for a container with a terminal.", at.path)
	}
	attach(d.builder, d.need(FdDevpts), at)
	d.pty = d.add("take the terminal", "it can be cloned now that its file system is attached", unix.SYS_OPEN_TREE,
		d.need(FdDevpts), program.Str("0"), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW))
}

// finish fills a /dev that is the image's own and puts the terminal on
// /dev/console. It comes after the mounts, one of which may be /dev; bound
// says that one of them put something of the host's there.
func (d *devices) finish(bound bool) {
	fresh := d.filled
	if !d.filled && !bound {
		dev := d.open("find /dev", "the image's own is used", "/dev", unix.O_RDONLY|unix.O_DIRECTORY, noLinks)
		d.fill(program.Res(dev), false)
	}
	if d.filled {
		d.lend()
	}
	for _, n := range d.nodes {
		if elsewhere(n, fresh) && (!bound || deviceName(n) == "") {
			d.away(n)
		}
	}
	if !d.terminal {
		return
	}
	if d.pty < 0 {
		d.fail(fault.Unsupported, "A container with a terminal needs a devpts mount on /dev/pts.")
		return
	}
	console := d.open("find /dev/console", "the terminal goes on it", "/dev/console", unix.O_PATH, noLinks)
	d.move("mount the terminal on /dev/console", "programs that write there mean the terminal", program.Res(d.pty), program.Res(console))
}
