// Package seccomp compiles OCI seccomp profiles to the classic BPF that
// seccomp(2) loads.
//
// A filter is a binary search over ranges of call numbers that share a
// verdict. Most of a profile is long runs of allowed calls, so Docker's
// profile becomes about a tenth of what a list of comparisons would be, and
// the kernel checks and loads it that much faster. Where the runtime
// specification is silent, the reading is libseccomp's and runc's, whose
// verdicts profiles were written against.
package seccomp

//go:generate go run gen.go

import (
	"encoding/binary"
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Filter is a program for seccomp(2). The zero Filter means that there is
// nothing to load.
type Filter struct {
	// Bytes is an array of struct sock_filter in the machine's byte order, at
	// most 4,096 of them: what sock_fprog.filter points to. Shared; do not write.
	Bytes []byte
	// Flags is seccomp(2)'s flags argument for SECCOMP_SET_MODE_FILTER.
	Flags uint
	// Listener says that loading the filter gives a descriptor, which somebody has
	// to listen at: the profile has SCMP_ACT_NOTIFY.
	Listener bool
}

// Len is the number of instructions: sock_fprog.len.
func (f Filter) Len() int { return len(f.Bytes) / unix.SizeofSockFilter }

// maxInstructions is the kernel's BPF_MAXINSNS.
const maxInstructions = 4096

// Compile turns a profile into a filter for this machine. A nil profile gives
// the zero Filter. Names of calls that no known kernel has are skipped, as
// runc does. Errors are fault.Invalid for a profile that makes no sense.
func Compile(p *specs.LinuxSeccomp) (Filter, error) {
	return compile(p, runtime.GOARCH)
}

func compile(p *specs.LinuxSeccomp, goarch string) (Filter, error) {
	if p == nil {
		return Filter{}, nil
	}
	listener, err := listens(p)
	if err != nil {
		return Filter{}, err
	}
	flags, err := flagsOf(p, listener)
	if err != nil {
		return Filter{}, err
	}
	as, err := wanted(p, goarch)
	if err != nil {
		return Filter{}, err
	}
	groups, err := group(p, as)
	if err != nil {
		return Filter{}, err
	}
	code := assemble(groups)
	if len(code) > maxInstructions {
		return Filter{}, fault.New(fault.Invalid, "The seccomp profile needs %d instructions, but the kernel takes at most %d.", len(code), maxInstructions)
	}
	b := make([]byte, 0, len(code)*unix.SizeofSockFilter)
	for i := len(code) - 1; i >= 0; i-- {
		b = binary.NativeEndian.AppendUint16(b, code[i].Code)
		b = append(b, code[i].Jt, code[i].Jf)
		b = binary.NativeEndian.AppendUint32(b, code[i].K)
	}
	return Filter{Bytes: b, Flags: flags, Listener: listener}, nil
}

// listens reports whether a profile sends calls to a listener. It may not be asked
// about everything, nor about what hands the listener its descriptor, or both would
// wait for each other.
func listens(p *specs.LinuxSeccomp) (bool, error) {
	if p.DefaultAction == specs.ActNotify {
		return false, fault.New(fault.Invalid, "SCMP_ACT_NOTIFY cannot be used as default action")
	}
	listens := false
	for _, s := range p.Syscalls {
		if s.Action != specs.ActNotify {
			continue
		}
		listens = true
		for _, name := range s.Names {
			if name == "write" || name == "sendmsg" {
				return false, fault.New(fault.Invalid, "SCMP_ACT_NOTIFY cannot be used for the %s syscall", name)
			}
		}
	}
	if listens && p.ListenerPath == "" {
		return false, fault.New(fault.Invalid, "The seccomp profile uses SCMP_ACT_NOTIFY, but names no listenerPath.")
	}
	return listens, nil
}

// machine is everything that shares one AUDIT_ARCH value.
type machine struct {
	audit uint32
	spans []span
}

// group joins x86_64 and x32, which differ only in bit 30 of the number.
func group(p *specs.LinuxSeccomp, as []abi) ([]machine, error) {
	var out []machine
	for _, a := range as {
		ss, err := spans(p, a)
		if err != nil {
			return nil, err
		}
		if a.bit != 0 {
			out[0].spans = append(out[0].spans, ss...)
			continue
		}
		out = append(out, machine{audit: a.audit, spans: ss})
	}
	if as[0].oci == specs.ArchX86_64 && as[len(as)-1].oci != specs.ArchX32 {
		out[0].spans = refuseX32(out[0].spans)
	}
	for i := range out {
		out[i].spans = merge(out[i].spans)
	}
	return out, nil
}

// refuseX32 treats x32's calls as a foreign architecture, as libseccomp does
// when a profile does not name it, unless they get ENOSYS anyway. -1 is not
// one of them: a tracer uses it to skip a call.
func refuseX32(ss []span) []span {
	end := ss[len(ss)-1]
	if end.ret == retErrno|uint32(unix.ENOSYS) {
		return ss
	}
	return append(ss, span{from: x32Bit, ret: badArch}, span{from: ^uint32(0), rules: end.rules, ret: end.ret})
}

// badArch is the verdict on calls of an architecture that the profile does
// not name: libseccomp's default.
const badArch = retKillThread

// assemble writes the program: arch, number, tree. The last instruction comes
// first in the result.
func assemble(ms []machine) []unix.SockFilter {
	e := &emitter{rets: map[uint32]label{}, args: map[string]label{}}
	starts := make([]label, len(ms))
	for i := len(ms) - 1; i >= 0; i-- {
		if top := e.tree(ms[i].spans); e.far(top) > 0 {
			e.emit(opJump, 0, 0, uint32(e.far(top)))
		}
		starts[i] = e.emit(opLoad, 0, 0, offNr)
	}
	next := e.emit(opRet, 0, 0, badArch)
	for i := len(ms) - 1; i >= 0; i-- {
		next = e.branch(opJeq, ms[i].audit, starts[i], next)
	}
	if e.far(next) > 0 {
		e.emit(opJump, 0, 0, uint32(e.far(next)))
	}
	e.emit(opLoad, 0, 0, offArch)
	return e.code
}

// waitKillable is SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: only a fatal signal
// interrupts a call that the listener has in hand (Linux 5.19).
const waitKillable = 1 << 5

// flagsOf translates flags. A profile that sets none gets SPEC_ALLOW, as with
// runc: the mitigation that the kernel would add to filtered processes costs
// a lot and is off by default since Linux 5.16.
func flagsOf(p *specs.LinuxSeccomp, listener bool) (uint, error) {
	var out uint
	if listener {
		out = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	if p.Flags == nil {
		return out | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, nil
	}
	for _, f := range p.Flags {
		switch f {
		case specs.LinuxSeccompFlagLog:
			out |= unix.SECCOMP_FILTER_FLAG_LOG
		case specs.LinuxSeccompFlagSpecAllow:
			out |= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		case specs.LinuxSeccompFlagWaitKillableRecv:
			if listener { // it is EINVAL without one
				out |= waitKillable
			}
		case "SECCOMP_FILTER_FLAG_TSYNC":
			// Docker's older profiles name it; the process has one thread.
		default:
			return 0, fault.New(fault.Invalid, "The seccomp flag %q is unknown.", string(f))
		}
	}
	return out, nil
}
