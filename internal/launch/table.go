package launch

import (
	"errors"
	"syscall"
	"unsafe"

	"berth/internal/program"
)

// op is one entry of the table, in the layout of package program. The
// assembly knows its fields by name.
type op struct {
	call     uint64
	args     [6]uint64
	indirect uint32
	skipOK   uint32
	step     uint32
	flags    uint32
	onErr    [3]onErr
	result   uint64
}

type onErr struct{ errno, skip uint32 }

// The loader casts bytes to ops, so the sizes must agree.
var _ = [1]struct{}{}[program.OpSize-unsafe.Sizeof(op{})]

// noStep is the step number of the ops that the loader puts in front.
const noStep = ^uint32(0)

// status is the page that the child shares with its parent. A container may
// be able to write to it while its process starts, so it is read once and
// never trusted to be in range.
type status struct {
	begunStep  uint32 // the step last begun; the assembly writes both words at once
	begunFlags uint32
	step       uint32 // the step that failed
	errno      uint32
	failed     uint32
}

// code is a decoded program.
type code struct {
	flags         uint64
	cgroup, pidns int
	steps, ops    int
	fds           int
	body          []byte // ops and data
	relocs        []byte
}

var errCode = errors.New("launch: this is not a program of our version")

func get32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func get64(b []byte) uint64 { return uint64(get32(b)) | uint64(get32(b[4:]))<<32 }

// decode takes an encoded program apart and checks that its parts are there.
func decode(b []byte) (code, error) {
	if len(b) < program.HeaderSize || get32(b) != program.Magic || get32(b[4:]) != program.Version {
		return code{}, errCode
	}
	n := func(i int) int { return int(int32(get32(b[16+4*i:]))) }
	c := code{flags: get64(b[8:]), cgroup: n(0), pidns: n(1), steps: n(2), ops: n(3), fds: n(6)}
	size, relocs := c.ops*program.OpSize+n(4), n(5)
	b = b[program.HeaderSize:]
	switch {
	case c.ops <= 0 || c.steps <= 0 || n4(size) || n4(relocs) || c.fds < 0:
		return code{}, errCode
	case len(b) != size+relocs*program.RelocSize || size < c.ops*program.OpSize:
		return code{}, errCode
	case c.cgroup < -1 || c.cgroup >= c.fds || c.pidns < -1 || c.pidns >= c.fds:
		return code{}, errCode
	}
	c.body, c.relocs = b[:size], b[size:]
	return c, nil
}

// n4 reports whether a count is absurd, before it is multiplied.
func n4(n int) bool { return n < 0 || n > 1<<26 }

// place copies the body to memory that does not move and fills in addresses
// and descriptors.
func (c *code) place(mem []byte, fds []int) error {
	copy(mem, c.body)
	base := uint64(uintptr(unsafe.Pointer(&mem[0])))
	for r := c.relocs; len(r) > 0; r = r[program.RelocSize:] {
		where, kind, value := uint64(get32(r)), get32(r[4:]), get64(r[8:])
		width := uint64(kind >> 16)
		if width != 4 && width != 8 || where+width > uint64(len(c.body)) {
			return errCode
		}
		switch {
		case kind&0xffff == program.RelocAddress && width == 8 && value < uint64(len(c.body)):
			value += base
		case kind&0xffff == program.RelocDescriptor && value < uint64(len(fds)):
			value = uint64(fds[value])
		default:
			return errCode
		}
		for i := range width {
			mem[where+i] = byte(value >> (8 * i))
		}
	}
	return nil
}

// table is the ops as they are encoded.
func (c *code) table() []op { return opsIn(c.body, c.ops) }

// opsIn looks at memory as a table of n ops.
func opsIn(mem []byte, n int) []op {
	return unsafe.Slice((*op)(unsafe.Pointer(&mem[0])), n)
}

// outcome tells from the page, once the exec pipe has ended, how the program went.
func (s *status) outcome(steps int) *program.Failure {
	now := *s
	switch {
	case now.failed != 0:
		return failure(now.step, steps, syscall.Errno(now.errno))
	case now.begunFlags&program.FlagExec != 0:
		return nil
	}
	// It ended without a word: something killed it.
	return failure(now.begunStep, steps, 0)
}

func failure(step uint32, steps int, errno syscall.Errno) *program.Failure {
	f := program.Failure{Step: -1, Of: steps, Errno: errno}
	if step <= uint32(steps) {
		f.Step = int(step)
	}
	return &f
}
