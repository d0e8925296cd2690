package cgroup

import (
	"encoding/binary"
	"os"
	"runtime"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The few eBPF instructions that device rules need (Documentation/bpf/
// standardization/instruction-set.rst).
const (
	bpfLoad    = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W // dst = *(u32 *)(src + off)
	bpfMov     = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
	bpfMovReg  = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
	bpfAnd     = unix.BPF_ALU64 | unix.BPF_AND | unix.BPF_K
	bpfShift   = unix.BPF_ALU64 | unix.BPF_RSH | unix.BPF_K
	bpfIfEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	bpfIfNot   = unix.BPF_JMP | unix.BPF_JNE | unix.BPF_K
	bpfExit    = unix.BPF_JMP | unix.BPF_EXIT
)

// Registers of the device program.
const (
	regResult  = 0
	regContext = 1 // struct bpf_cgroup_dev_ctx
	regType    = 3
	regAccess  = 4 // what is asked for and not granted yet
	regMajor   = 5
	regMinor   = 6
	regScratch = 7
)

type bpfInstruction struct {
	op       uint8
	dst, src uint8
	off      int16
	imm      int32
}

// deviceProgram decides each bit of access by the last rule that speaks of it:
// the rules are walked backwards, an allowing one takes its bits off what is
// asked for, and a denying one that meets a bit still open refuses. What no
// rule speaks of is refused.
func deviceProgram(rules []specs.LinuxDeviceCgroup) ([]bpfInstruction, error) {
	code := []bpfInstruction{
		{op: bpfLoad, dst: regType, src: regContext},
		{op: bpfMovReg, dst: regAccess, src: regType},
		{op: bpfAnd, dst: regType, imm: 0xffff},
		{op: bpfShift, dst: regAccess, imm: 16},
		{op: bpfLoad, dst: regMajor, src: regContext, off: 4},
		{op: bpfLoad, dst: regMinor, src: regContext, off: 8},
	}
	for i := len(rules) - 1; i >= 0; i-- {
		d, err := readRule(rules[i])
		if err != nil {
			return nil, err
		}
		code = append(code, d.program()...)
		if d.kind == 'a' && d.access == accessAll {
			// It decides everything; more would be unreachable, which the
			// verifier of older kernels refuses.
			return code, nil
		}
	}
	return append(code, verdict(0)...), nil
}

func verdict(allowed int32) []bpfInstruction {
	return []bpfInstruction{{op: bpfMov, dst: regResult, imm: allowed}, {op: bpfExit}}
}

// program is one rule; whatever it does not decide falls out of its end.
func (d device) program() []bpfInstruction {
	var tests, act []bpfInstruction
	switch {
	case d.kind == 'a' && d.access == accessAll:
		allowed := int32(0)
		if d.allow {
			allowed = 1
		}
		return verdict(allowed)
	case d.allow:
		act = []bpfInstruction{{op: bpfAnd, dst: regAccess, imm: accessAll &^ d.access}, {op: bpfIfNot, dst: regAccess, off: 2}}
		act = append(act, verdict(1)...)
	default:
		act = []bpfInstruction{{op: bpfMovReg, dst: regScratch, src: regAccess}, {op: bpfAnd, dst: regScratch, imm: d.access}, {op: bpfIfEqual, dst: regScratch, off: 2}}
		act = append(act, verdict(0)...)
	}
	if d.kind != 'a' {
		// BPF_DEVCG_DEV_BLOCK is 1, BPF_DEVCG_DEV_CHAR 2.
		tests = append(tests, bpfInstruction{op: bpfIfNot, dst: regType, imm: int32(d.kind-'b') + 1})
	}
	if d.major >= 0 {
		tests = append(tests, bpfInstruction{op: bpfIfNot, dst: regMajor, imm: int32(d.major)})
	}
	if d.minor >= 0 {
		tests = append(tests, bpfInstruction{op: bpfIfNot, dst: regMinor, imm: int32(d.minor)})
	}
	for i := range tests {
		tests[i].off = int16(len(tests) - i - 1 + len(act))
	}
	return append(tests, act...)
}

func encode(code []bpfInstruction) []byte {
	var b []byte
	for _, in := range code {
		b = append(b, in.op)
		if littleEndian() {
			b = append(b, in.src<<4|in.dst)
		} else {
			b = append(b, in.dst<<4|in.src)
		}
		b = binary.NativeEndian.AppendUint16(b, uint16(in.off))
		b = binary.NativeEndian.AppendUint32(b, uint32(in.imm))
	}
	return b
}

func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// attachDevices puts the program on the group and takes off those that were
// there. In between both apply, and a device needs the consent of both.
func attachDevices(dir string, code []bpfInstruction) error {
	group, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return explain(err, dir)
	}
	defer group.Close()
	old, err := attached(group)
	if err != nil {
		return explainDevices(err, dir)
	}
	defer func() {
		for _, fd := range old {
			unix.Close(fd)
		}
	}()
	fd, err := loadProgram(code)
	if err != nil {
		return explainDevices(err, dir)
	}
	defer unix.Close(fd) // the group holds the program
	if err := attach(unix.BPF_PROG_ATTACH, group, fd); err != nil {
		return explainDevices(err, dir)
	}
	for _, o := range old {
		if err := attach(unix.BPF_PROG_DETACH, group, o); err != nil {
			return explainDevices(err, dir)
		}
	}
	return nil
}

// bpf is bpf(2) with the head of union bpf_attr that the command uses.
func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		r, _, e := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		if e == 0 {
			return int(r), nil
		}
		// Loading gives EAGAIN when a signal interrupts the verifier.
		if e != unix.EAGAIN && e != unix.EINTR {
			return -1, e
		}
	}
}

// loadProgram gives a close-on-exec descriptor (bpf(2) makes no other).
func loadProgram(code []bpfInstruction) (int, error) {
	text, license := encode(code), []byte("Apache-2.0\x00")
	attr := struct {
		kind, count    uint32
		insns, license uint64
		level, size    uint32
		log            uint64
		version, flags uint32
		name           [16]byte
	}{kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(code)), name: [16]byte{'b', 'e', 'r', 't', 'h', '_', 'd', 'e', 'v'},
		insns: uint64(uintptr(unsafe.Pointer(&text[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0])))}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(text)
	runtime.KeepAlive(license)
	return fd, err
}

func attach(cmd uintptr, group *os.File, program int) error {
	attr := struct{ target, program, kind, flags uint32 }{uint32(group.Fd()), uint32(program), unix.BPF_CGROUP_DEVICE, unix.BPF_F_ALLOW_MULTI}
	if cmd == unix.BPF_PROG_DETACH {
		attr.flags = 0
	}
	_, err := bpf(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(group)
	return err
}

// attached gives descriptors of the device programs on a group. Beyond 64 of
// them the kernel says ENOSPC.
func attached(group *os.File) (fds []int, err error) {
	ids := make([]uint32, 64)
	attr := struct {
		target, kind, query, flags uint32
		ids                        uint64
		count, _                   uint32
	}{target: uint32(group.Fd()), kind: unix.BPF_CGROUP_DEVICE, ids: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: uint32(len(ids))}
	_, err = bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids[:attr.count] {
		get := struct{ id, next, flags uint32 }{id: id}
		fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&get), unsafe.Sizeof(get))
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}
