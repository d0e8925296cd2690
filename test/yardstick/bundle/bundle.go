//go:build linux

// Package bundle is a table of OCI bundles, and what a container sees of
// itself in each of them. Whoever can run a spec can run the table: the OCI
// command, other people's runtimes, and an engine that starts in different
// ways. Two runs are compared section by section, after Normalise has taken
// out what differs between two runs of one runtime.
package bundle

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Busybox is the program that every root file system is made from.
const Busybox = "/bin/busybox"

// Case is a bundle of the table.
type Case struct {
	Name   string
	Script string        // what runs before the probe; it may end the container itself
	Edit   func(*Bundle) // changes the bundle before it is written; nil for none
	Args   []string      // instead of the script and the probe
	Flags  []string      // of the runtime's run command
	Tty    bool          // the command has a terminal
	Silent bool          // compare no more than the exit code and what the script prints
	Before string        // runs first of all, also where the case is silent
	After  string        // runs behind the probe, see Deep
}

// Bundle is one that is being made.
type Bundle struct {
	Dir  string
	Spec *specs.Spec
	err  error
}

// Path is a path below the bundle.
func (b *Bundle) Path(parts ...string) string {
	return filepath.Join(append([]string{b.Dir}, parts...)...)
}

// Root is a path below the bundle's root file system.
func (b *Bundle) Root(parts ...string) string {
	return b.Path(append([]string{"rootfs"}, parts...)...)
}

// Check keeps the first error for Make to return.
func (b *Bundle) Check(err error) {
	if b.err == nil {
		b.err = err
	}
}

// File writes a file, with the directories above it.
func (b *Bundle) File(path, text string, mode os.FileMode) {
	b.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	b.Check(os.WriteFile(path, []byte(text), mode))
	b.Check(os.Chmod(path, mode))
}

// Mount adds a mount.
func (b *Bundle) Mount(kind, source, at string, options ...string) {
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: at, Type: kind, Source: source, Options: options})
}

// Bind adds a bind mount of a new directory of the host with a file in it.
func (b *Bundle) Bind(at string, options ...string) {
	b.File(b.Path("host", "file"), "of the host\n", 0o644)
	b.Mount("bind", b.Path("host"), at, options...)
}

// Drop takes a namespace out of the spec.
func (b *Bundle) Drop(kinds ...specs.LinuxNamespaceType) {
	kept := b.Spec.Linux.Namespaces[:0]
	for _, ns := range b.Spec.Linux.Namespaces {
		if !contains(kinds, ns.Type) {
			kept = append(kept, ns)
		}
	}
	b.Spec.Linux.Namespaces = kept
}

// Namespace adds one.
func (b *Bundle) Namespace(kind specs.LinuxNamespaceType, path string) {
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
}

// Caps gives the process capabilities in all five sets.
func (b *Bundle) Caps(names ...string) {
	b.Spec.Process.Capabilities = &specs.LinuxCapabilities{
		Bounding: names, Effective: names, Permitted: names, Inheritable: names, Ambient: names,
	}
}

func contains[T comparable](list []T, one T) bool {
	for _, each := range list {
		if each == one {
			return true
		}
	}
	return false
}

// Make writes the bundle of a case to a directory, which must be empty.
func (c Case) Make(dir string) (*Bundle, error) {
	b := &Bundle{Dir: dir, Spec: Plain()}
	b.Check(makeRoot(b.Root()))
	switch {
	case c.Args != nil:
		b.Spec.Process.Args = c.Args
	case c.Silent:
		b.Spec.Process.Args = []string{"sh", "-c", c.Before + c.Script}
	default:
		b.Spec.Process.Args = []string{"sh", "-c", c.Before + c.Script + "\n" + probe + c.After}
	}
	if c.Edit != nil {
		c.Edit(b)
	}
	data, err := json.MarshalIndent(b.Spec, "", "  ")
	b.Check(err)
	if b.err != nil {
		return nil, b.err
	}
	// A case may have written a file of its own, that is wrong.
	if _, err := os.Stat(b.Path("config.json")); errors.Is(err, os.ErrNotExist) {
		b.Check(os.WriteFile(b.Path("config.json"), data, 0o644))
	}
	return b, b.err
}

// makeRoot makes a root file system with busybox and a few users.
func makeRoot(root string) error {
	for _, dir := range strings.Fields("bin proc sys dev tmp data etc run home/user") {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile(Busybox)
	if err != nil {
		return err
	}
	files := map[string]string{
		"bin/busybox": string(program), "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
		"etc/group": "root:x:0:\nuser:x:1000:\nmore:x:2000:user\n", "data/file": "of the image\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	for _, name := range strings.Fields("sh cat id ls grep sort env stat tty readlink mount umount kill sleep mknod sed hostname touch mkdir chmod chown unshare true false ip wc nice date head stty dd rm cut") {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// Plain is what the cases change: what engines usually ask for, less what needs a network.
func Plain() *specs.Spec {
	spec := &specs.Spec{
		Version: "1.0.2", Hostname: "yard", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Cwd: "/", Env: []string{"PATH=/usr/bin:/bin", "HOME=/root"}, NoNewPrivileges: true,
			Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 512}},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{
			Resources:     &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}},
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	b := Bundle{Spec: spec}
	b.Caps("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_MKNOD")
	spec.Process.Capabilities.Ambient, spec.Process.Capabilities.Inheritable = nil, nil
	for _, kind := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace} {
		b.Namespace(kind, "")
	}
	return spec
}
