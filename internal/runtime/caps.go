//go:build linux

package runtime

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// capNames are the capabilities by their numbers (capabilities(7)).
func capNames() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
		"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
		"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
		"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
		"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
		"CAP_CHECKPOINT_RESTORE",
	}
}

// capSets are a process's capabilities as bit sets.
type capSets struct{ bounding, effective, permitted, inheritable, ambient uint64 }

func (p *process) capabilities() capSets {
	if p.spec.Capabilities == nil {
		return capSets{}
	}
	names := capNames()
	set := func(list []string) uint64 {
		var bits uint64
		for _, name := range list {
			if i := slices.Index(names, strings.ToUpper(name)); i >= 0 {
				bits |= 1 << i
			}
		}
		return bits
	}
	c := p.spec.Capabilities
	return capSets{set(c.Bounding), set(c.Effective), set(c.Permitted), set(c.Inheritable), set(c.Ambient)}
}

// UnknownCapabilities are those of a process's capabilities that do not exist. The
// compiler leaves them out; the runtime specification wants a warning.
func UnknownCapabilities(c *specs.LinuxCapabilities) []string {
	if c == nil {
		return nil
	}
	names := capNames()
	var unknown []string
	for _, list := range [][]string{c.Bounding, c.Effective, c.Permitted, c.Inheritable, c.Ambient} {
		for _, name := range list {
			if !slices.Contains(names, strings.ToUpper(name)) && !slices.Contains(unknown, name) {
				unknown = append(unknown, name)
			}
		}
	}
	return unknown
}

// dropBounding takes capabilities away for good. Numbers past the known ones
// are tried too: a newer kernel may have them.
func (p *process) dropBounding(keep uint64) {
	names := capNames()
	drop := func(number int, name string) int {
		return p.add("drop "+name+" for good", "while there is CAP_SETPCAP", unix.SYS_PRCTL, program.Imm(unix.PR_CAPBSET_DROP), program.Imm(uint64(number)), program.Imm(0), program.Imm(0), program.Imm(0))
	}
	for i, name := range names {
		if keep&(1<<i) == 0 {
			drop(i, name)
		}
	}
	first := drop(len(names), "capabilities of newer kernels")
	second := drop(len(names)+1, "capabilities of newer kernels")
	p.on(first, unix.EINVAL, p.here())
	p.on(second, unix.EINVAL, p.here())
}

// setCaps sets the capabilities of the process itself, and the ambient ones,
// which outlive execve of a program without file capabilities.
func (p *process) setCaps(c capSets) {
	header := binary.NativeEndian.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	header = binary.NativeEndian.AppendUint32(header, 0)
	var data []byte
	for shift := 0; shift <= 32; shift += 32 {
		for _, set := range []uint64{c.effective, c.permitted, c.inheritable} {
			data = binary.NativeEndian.AppendUint32(data, uint32(set>>shift))
		}
	}
	p.add("set the capabilities", "after the change of user, which resets them", unix.SYS_CAPSET, program.Bytes(header), program.Bytes(data))
	for i, name := range capNames() {
		if c.ambient&(1<<i) != 0 {
			p.add("raise "+name, "ambient ones follow the permitted and inheritable", unix.SYS_PRCTL,
				program.Imm(unix.PR_CAP_AMBIENT), program.Imm(unix.PR_CAP_AMBIENT_RAISE), program.Imm(uint64(i)), program.Imm(0), program.Imm(0))
		}
	}
}
