package seccomp

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// call is one row of the table: a system call and its number on each abi.
type call struct {
	name string
	nr   [5]int32
}

// abi is one system call convention that a process can use on a kernel.
type abi struct {
	oci   specs.Arch
	audit uint32 // AUDIT_ARCH_*, what seccomp_data.arch holds
	col   int    // its column in table
	bit   uint32 // added to every number (x32)
	wide  bool   // arguments have 64 bits
	// mux are calls that this ABI also has as the first argument of another
	// one (socketcall(2), ipc(2)); nil when there are none.
	mux func(name string) (nr, sub uint32, ok bool)
}

const (
	x32Bit = 0x40000000
	// armPrivate is __ARM_NR_BASE; its few calls lie far above all others and
	// say nothing about how new a profile is.
	armPrivate = 0x0f0000
)

// abis lists what a kernel for goarch runs, the native one first. It is empty
// for an architecture that this package has no numbers for.
func abis(goarch string) []abi {
	switch goarch {
	case "amd64":
		return []abi{
			{oci: specs.ArchX86_64, audit: 0xc000003e, col: 0, wide: true},
			{oci: specs.ArchX86, audit: 0x40000003, col: 1, mux: x86mux},
			// libseccomp compares 32 bits of an argument on x32.
			{oci: specs.ArchX32, audit: 0xc000003e, col: 4, bit: x32Bit},
		}
	case "arm64":
		return []abi{
			{oci: specs.ArchAARCH64, audit: 0xc00000b7, col: 2, wide: true},
			{oci: specs.ArchARM, audit: 0x40000028, col: 3},
		}
	}
	return nil
}

// number returns the call's number on a, or false when it has none there.
func (a abi) number(name string) (uint32, bool) {
	i, ok := slices.BinarySearchFunc(table[:], name, func(c call, n string) int { return strings.Compare(c.name, n) })
	if !ok || table[i].nr[a.col] < 0 {
		return 0, false
	}
	return uint32(table[i].nr[a.col]) | a.bit, true
}

// x86mux knows the calls behind socketcall(2) and ipc(2) on 32-bit x86:
// include/uapi/linux/net.h and ipc.h. A rule for one of them also covers its
// old form, as libseccomp has it.
func x86mux(name string) (nr, sub uint32, ok bool) {
	const socketcall, ipc = 102, 117
	sockets := []string{"socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
		"sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg"}
	if i := slices.Index(sockets, name); i >= 0 {
		return socketcall, uint32(i + 1), true
	}
	switch name {
	case "semop", "semget", "semctl", "semtimedop":
		return ipc, uint32(1 + slices.Index([]string{"semop", "semget", "semctl", "semtimedop"}, name)), true
	case "msgsnd", "msgrcv", "msgget", "msgctl":
		return ipc, uint32(11 + slices.Index([]string{"msgsnd", "msgrcv", "msgget", "msgctl"}, name)), true
	case "shmat", "shmdt", "shmget", "shmctl":
		return ipc, uint32(21 + slices.Index([]string{"shmat", "shmdt", "shmget", "shmctl"}, name)), true
	}
	return 0, 0, false
}

// known are the OCI names of architectures (runtime-spec, config-linux.md).
// One that this machine's kernel cannot run needs no code in the filter.
func knownArch(a specs.Arch) bool {
	switch a {
	case specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS, specs.ArchMIPS64,
		specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC, specs.ArchPPC64,
		specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC, specs.ArchPARISC64, specs.ArchRISCV64,
		specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB:
		return true
	}
	return false
}

// wanted picks the ABIs of goarch that p names. The native one is always in,
// as libseccomp starts a filter with it.
func wanted(p *specs.LinuxSeccomp, goarch string) ([]abi, error) {
	all := abis(goarch)
	if len(all) == 0 {
		return nil, fault.New(fault.Unsupported, "Seccomp is not supported on %s.", goarch)
	}
	for _, a := range p.Architectures {
		if !knownArch(a) {
			return nil, fault.New(fault.Invalid, "The seccomp profile names the unknown architecture %q.", string(a))
		}
	}
	out := all[:1:1]
	for _, a := range all[1:] {
		if slices.Contains(p.Architectures, a.oci) {
			out = append(out, a)
		}
	}
	return out, nil
}
