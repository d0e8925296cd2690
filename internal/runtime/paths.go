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

// mask is one masked path and the steps that made what can cover it.
type mask struct {
	path      string
	file, dir int // steps whose results are detached mounts, or -1
}

// masks compiles what hides and protects paths of the kernel's.
type masks struct {
	*filesystems
	linux   *specs.Linux
	staging string // see Inputs.Staging
	covers  []mask
}

// sources clones what masked paths are covered with, while the host's
// tree can be seen: its /dev/null for files (never the container's, which may
// be something else: CVE-2025-31133), and for directories an empty read-only
// tmpfs that has been mounted on the staging directory.
func (m *masks) sources() {
	for _, p := range m.linux.MaskedPaths {
		k := mask{path: path.Clean(p), file: -1, dir: -1}
		if !path.IsAbs(k.path) {
			m.fail(fault.Invalid, "The masked path %q is not absolute.", p)
		}
		file, dir := kindOf(k.path)
		if file {
			k.file = m.add("take /dev/null for "+k.path, "the host's, because the container's cannot be trusted", unix.SYS_OPEN_TREE,
				program.Imm(cwd), program.Str("/dev/null"), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
			if !m.noSetattr {
				m.setattr("protect /dev/null for "+k.path, "its mode and owner are the host's", program.Res(k.file), false, nullAttr())
			}
		}
		if dir {
			k.dir = m.add("take the empty directory for "+k.path, "it covers directories", unix.SYS_OPEN_TREE,
				program.Imm(cwd), m.pathArg(m.staging), program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
		}
		m.covers = append(m.covers, k)
	}
}

// kindOf tells what a masked path can be. The kernel's own are known; for
// others both have to be ready.
func kindOf(p string) (file, dir bool) {
	switch {
	case slices.Contains([]string{"/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"}, p),
		strings.HasPrefix(p, "/sys/devices/system/cpu/") && strings.HasSuffix(p, "/thermal_throttle"):
		return false, true
	case slices.Contains([]string{"/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats"}, p):
		return true, false
	}
	return true, true
}

// emptyDir mounts an empty read-only tmpfs on the staging directory, in the
// child's own mount namespace. The container's root goes on top of it.
func (m *masks) emptyDir() {
	if !slices.ContainsFunc(m.linux.MaskedPaths, func(p string) bool { _, dir := kindOf(path.Clean(p)); return dir }) {
		return
	}
	o := mountOptions{flags: []string{"ro"}, values: [][2]string{{"mode", "755"}, {"nr_blocks", "1"}}}
	o.attr.set = unix.MOUNT_ATTR_RDONLY
	tree := m.newFS("tmpfs", "tmpfs", "masks", o)
	m.add("mount the empty directory", "only what is mounted can be cloned", unix.SYS_MOVE_MOUNT,
		program.Res(tree), program.Str(""), program.Imm(cwd), m.pathArg(m.staging), program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH))
}

// cover covers the masked paths that are there.
func (m *masks) cover() {
	for _, k := range m.covers {
		open := m.open("find "+k.path, "to mask it", k.path, unix.O_PATH, resolveFor(k.path))
		var first int
		switch {
		case k.file >= 0 && k.dir >= 0:
			first = m.move("mask "+k.path, "as a file", program.Res(k.file), program.Res(open))
			asDir := m.here()
			if m.noSetattr {
				asDir++ // after protectNull
			}
			m.on(first, unix.ENOTDIR, asDir)
			m.on(first, unix.EINVAL, asDir)
			if m.noSetattr {
				m.okTo(m.protectNull(k.path), asDir+1)
			} else {
				m.okTo(first, asDir+1)
			}
			m.move("mask "+k.path, "as a directory", program.Res(k.dir), program.Res(open))
		case k.file >= 0:
			m.move("mask "+k.path, "it tells about the host", program.Res(k.file), program.Res(open))
			if m.noSetattr {
				m.protectNull(k.path)
			}
		default:
			m.move("mask "+k.path, "it tells about the host", program.Res(k.dir), program.Res(open))
		}
		m.on(open, unix.ENOENT, m.here())
		m.on(open, unix.ENOTDIR, m.here())
	}
}

// nullAttr keeps the container's root from changing the host's /dev/null
// through a mask. Reading and writing the device need no writable mount.
func nullAttr() mountAttr { return mountAttr{set: unix.MOUNT_ATTR_RDONLY} }

// protectNull does it for kernels that cannot do it before the mask can be seen.
func (m *masks) protectNull(p string) int {
	return m.add("protect /dev/null on "+p, "the kernel cannot do it before", unix.SYS_MOUNT, program.Imm(0), m.pathArg(p), program.Imm(0),
		program.Imm(unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY), program.Imm(0))
}

// readOnly makes the spec's read-only paths read-only by covering each with a
// read-only clone of itself.
func (m *masks) readOnly() {
	for _, p := range m.linux.ReadonlyPaths {
		p = path.Clean(p)
		if !path.IsAbs(p) {
			m.fail(fault.Invalid, "The read-only path %q is not absolute.", p)
		}
		open := m.open("find "+p, "to make it read-only", p, unix.O_PATH, resolveFor(p))
		tree := m.add("clone "+p, "the clone will be read-only", unix.SYS_OPEN_TREE, program.Res(open), program.Str(""),
			program.Imm(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE))
		if !m.noSetattr {
			m.setattr("make the clone of "+p+" read-only", "before it can be seen", program.Res(tree), true, mountAttr{set: unix.MOUNT_ATTR_RDONLY})
		}
		m.move("make "+p+" read-only", "it changes the whole host", program.Res(tree), program.Res(open))
		if m.noSetattr {
			// /proc's own flags have to be said again: this sets all of them.
			m.add("make "+p+" read-only", "the kernel cannot do it before", unix.SYS_MOUNT, program.Imm(0), m.pathArg(p), program.Imm(0),
				program.Imm(unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC), program.Imm(0))
		}
		m.on(open, unix.ENOENT, m.here())
		m.on(open, unix.ENOTDIR, m.here())
	}
}

func resolveFor(p string) uint64 {
	if engineOwned(p) {
		return noLinks
	}
	return inRoot
}
