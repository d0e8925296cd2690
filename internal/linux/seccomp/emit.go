package seccomp

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Opcodes of classic BPF that seccomp allows (Documentation/networking/filter.rst).
const (
	opLoad = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opJump = unix.BPF_JMP | unix.BPF_JA
	opJeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opJgt  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opJge  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opAnd  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opRet  = unix.BPF_RET | unix.BPF_K
)

// Offsets in struct seccomp_data; arguments start at 16, low half first on the
// little-endian machines that abis knows.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// label names an instruction by its distance from the program's end.
type label int

// emitter writes a program from its end to its beginning: BPF jumps only go
// forward, so every target is known when a jump to it is written.
type emitter struct {
	code []unix.SockFilter // the last instruction first
	rets map[uint32]label  // the nearest RET of each verdict
	args map[string]label  // where a span's argument rules begin
}

func (e *emitter) emit(op uint16, jt, jf uint8, k uint32) label {
	e.code = append(e.code, unix.SockFilter{Code: op, Jt: jt, Jf: jf, K: k})
	return label(len(e.code) - 1)
}

// far is how many instructions a jump written now would skip to get to l.
func (e *emitter) far(l label) int { return len(e.code) - int(l) - 1 }

// near gives a label that a conditional jump can reach (its offset has 8
// bits) even after a few more instructions: l itself, or a copy or a long
// jump written here.
func (e *emitter) near(l label) label {
	if e.far(l) <= 250 {
		return l
	}
	if to := e.code[l]; to.Code == opRet {
		return e.ret(to.K)
	}
	return e.emit(opJump, 0, 0, uint32(e.far(l)))
}

// ret is a RET of the verdict within reach.
func (e *emitter) ret(v uint32) label {
	if l, ok := e.rets[v]; ok && e.far(l) <= 250 {
		return l
	}
	l := e.emit(opRet, 0, 0, v)
	e.rets[v] = l
	return l
}

func (e *emitter) branch(op uint16, k uint32, yes, no label) label {
	yes = e.near(yes)
	no = e.near(no)
	return e.emit(op, uint8(e.far(yes)), uint8(e.far(no)), k)
}

// tree is a binary search for the call's number (in the accumulator).
func (e *emitter) tree(ss []span) label {
	if len(ss) == 1 {
		return e.leaf(ss[0])
	}
	// A lone number between two equal neighbours is one comparison.
	if len(ss) == 3 && ss[2].from == ss[1].from+1 && ss[0].same(ss[2]) {
		out := e.leaf(ss[0])
		return e.branch(opJeq, ss[1].from, e.leaf(ss[1]), out)
	}
	mid := len(ss) / 2
	high := e.tree(ss[mid:])
	low := e.tree(ss[:mid])
	return e.branch(opJge, ss[mid].from, high, low)
}

// leaf is what happens to the calls of one span.
func (e *emitter) leaf(s span) label {
	if len(s.rules) == 0 {
		return e.ret(s.ret)
	}
	key := s.key()
	if l, ok := e.args[key]; ok {
		return l
	}
	next := e.ret(s.ret)
	for i := len(s.rules) - 1; i >= 0; i-- {
		next = e.rule(s.rules[i], next)
	}
	e.args[key] = next
	return next
}

func (e *emitter) rule(r rule, next label) label {
	yes := e.ret(r.ret)
	for i := len(r.conds) - 1; i >= 0; i-- {
		yes = e.cond(r.conds[i], yes, next)
	}
	return yes
}

// cond compares an argument by its halves.
func (e *emitter) cond(c cond, yes, no label) label {
	switch c.op {
	case specs.OpNotEqual:
		return e.equal(c, no, yes)
	case specs.OpGreaterThan:
		return e.above(c, opJgt, yes, no)
	case specs.OpGreaterEqual:
		return e.above(c, opJge, yes, no)
	case specs.OpLessThan:
		return e.above(c, opJge, no, yes)
	case specs.OpLessEqual:
		return e.above(c, opJgt, no, yes)
	}
	return e.equal(c, yes, no)
}

func (e *emitter) equal(c cond, yes, no label) label {
	at := uint32(offArgs + 8*c.arg)
	yes = e.half(at, uint32(c.value), uint32(c.mask), yes, no)
	if !c.wide {
		return yes
	}
	return e.half(at+4, uint32(c.value>>32), uint32(c.mask>>32), yes, no)
}

// half compares one half; no code is needed where no bit of it counts.
func (e *emitter) half(at, value, mask uint32, yes, no label) label {
	if mask == 0 {
		return yes
	}
	// Load and mask fall through to the jump, so they follow it here.
	e.branch(opJeq, value, yes, no)
	if mask != ^uint32(0) {
		e.emit(opAnd, 0, 0, mask)
	}
	return e.emit(opLoad, 0, 0, at)
}

// above is arg > value (opJgt) or arg >= value (opJge), unsigned.
func (e *emitter) above(c cond, op uint16, yes, no label) label {
	at := uint32(offArgs + 8*c.arg)
	e.branch(op, uint32(c.value), yes, no)
	low := e.emit(opLoad, 0, 0, at)
	if !c.wide {
		return low
	}
	high := uint32(c.value >> 32)
	same := e.branch(opJeq, high, low, no)
	e.branch(opJgt, high, yes, same)
	return e.emit(opLoad, 0, 0, at+4)
}
