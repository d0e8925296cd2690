//go:build linux

package runtime

import (
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// setSysctls writes the spec's sysctls, before /proc/sys becomes read-only. It
// returns the steps that opened their files.
func setSysctls(b *builder, spec *specs.Spec) (files []int) {
	for _, key := range slices.Sorted(maps.Keys(spec.Linux.Sysctl)) {
		p := sysctlPath(key)
		checkSysctl(b, spec, key, p)
		file := b.open("open "+key, "it is written to", "/proc/sys/"+p, unix.O_WRONLY, noLinks)
		b.write("set "+key, "before /proc/sys becomes read-only", file, spec.Linux.Sysctl[key])
		files = append(files, file)
	}
	return files
}

// sysctlPath is where a sysctl lies below /proc/sys. Like sysctl(8), a name
// whose first separator is a slash is a path already, in which dots stand for
// themselves ("net/ipv4/conf/eth0.100/forwarding").
func sysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '/' {
		return key
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(key)
}

// checkSysctl refuses what is not the container's own, as runc does.
func checkSysctl(b *builder, spec *specs.Spec, key, p string) {
	own := func(kind specs.LinuxNamespaceType) {
		if find(spec, kind) == nil {
			b.fail(fault.Invalid, "sysctl %q not allowed in host %s namespace", key, kind)
		}
	}
	ipc := []string{"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"}
	switch {
	case slices.Contains(strings.Split(p, "/"), ".."):
		b.fail(fault.Invalid, "sysctl %q is not a name", key)
	case slices.Contains(ipc, p), strings.HasPrefix(p, "fs/mqueue/"):
		own(specs.IPCNamespace)
	case strings.HasPrefix(p, "net/"):
		own(specs.NetworkNamespace)
	case p == "kernel/domainname":
		own(specs.UTSNamespace)
	case p == "kernel/hostname":
		b.fail(fault.Invalid, "sysctl %q conflicts with the OCI %q field", key, "hostname")
	default:
		b.fail(fault.Invalid, "sysctl %q is not in a separate kernel namespace", key)
	}
}
