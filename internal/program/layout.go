package program

import "encoding/binary"

// The encoded form, little endian, for one kernel on one machine: a header,
// the body (ops, then data), and the relocations that a loader applies to the
// body once it knows its address and the numbers of the descriptors.
//
//	header  magic u32, version u32, clone flags u64, cgroup i32, pidns i32,
//	        steps u32, ops u32, data bytes u32, relocations u32, fds u32, 0 u32
//	op      call u64, args [6]u64, indirect u32, skip after success u32,
//	        step u32, flags u32, 3 x (errno u32, skip u32), result u64
//	reloc   where u32, kind u16, width u16, value u64
//
// An argument whose bit is set in indirect holds the address of its value (the
// result of an earlier op). Skips count ops. A result is all ones until its op
// has run, so that a descriptor that was never opened is no valid one.
const (
	Magic      = 0x50485442 // "BTHP"
	Version    = 1
	HeaderSize = 48
	OpSize     = 104
	RelocSize  = 16

	CallStore = ^uint64(0) // not a system call: store args[1], args[2] bytes wide, at address args[0]
	CallBirth = ^uint64(1) // see Birth: clone(2) with the flags args[0]; args[5] is the executor's
	FlagExec  = 1          // the op is execve or execveat

	RelocAddress    = 1 // write the body's address plus value
	RelocDescriptor = 2 // write the number of descriptor value

	argsAt   = 8
	resultAt = OpSize - 8
)

func put32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

func put64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }
