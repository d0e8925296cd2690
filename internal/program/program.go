// Package program is the list of system calls that turns a fresh clone into a
// container's process.
//
// The runtime is a compiler: a pure function makes a Program from an OCI spec,
// tests compare its text, and an executor (package launch) walks it in a
// cloned child that never runs Go code. Every step carries a name and the
// reason why it stands where it stands.
package program

import "syscall"

// Program is what a cloned child does between clone3 and execve.
type Program struct {
	Clone Clone
	Steps []Step
	// Fds names the descriptors that travel with the program, in order. A
	// step refers to descriptor i with Fd(i); the executor knows its number.
	Fds []string
}

// Clone says how the child is made.
type Clone struct {
	Flags  uint64 // CLONE_NEW* flags for clone3(2)
	Cgroup int    // index in Fds of a cgroup v2 directory for CLONE_INTO_CGROUP, or -1
	PidNS  int    // index in Fds of a pidfd whose pid namespace the child is born in, or -1
}

// Step is one system call. It fails the program unless its errno is in OnErr.
type Step struct {
	Name string // what it does, for people: "mask /proc/kcore"
	Why  string // why it stands here, in a sentence
	Call uintptr
	Args [6]Arg
	// OnErr lists at most three errnos that do not fail the program, and how many of
	// the following steps each of them skips.
	OnErr []OnErr
	// SkipOK is how many of the following steps a success skips.
	SkipOK int
}

// Birth is the Call of a step without arguments that clone(2)s the process with
// BirthFlags. The child goes on with the next step. The parent ends, and the
// executor takes the child for the one that it started. Of the executor's memory the
// child has nothing but the program.
//
// When a step before has entered a pid namespace, the process that is born is the
// first that is seen there. A program has one such step at most.
const Birth = ^uintptr(1)

// BirthFlags make the child one of the executor's own, beside its parent.
const BirthFlags = 0x8000 /* CLONE_PARENT */ | uint64(syscall.SIGCHLD)

// OnErr says that an errno is expected here, and where to go on.
type OnErr struct {
	Errno syscall.Errno
	Skip  int
}

// Kind tells how the executor finds an argument's value.
type Kind uint8

// The kinds of Arg.
const (
	Immediate  Kind = iota // Value itself
	Pointer                // the address of Data, in memory that does not move
	Result                 // what step number Value returned (it must have run)
	Descriptor             // the number of descriptor Value of Fds
	Vector                 // the address of a nil-terminated array of pointers to Strings
)

// Arg is one argument of a system call. It is small, because a program has
// some 2,500 of them and is made on the way of every start.
type Arg struct {
	Kind   Kind
	Value  uint64
	Memory *Memory // of a Pointer or a Vector; else nil
}

// Memory is what an argument points to.
type Memory struct {
	Data    []byte   // of a Pointer
	Strings []string // of a Vector
	// Refs patch 8 or 4 byte fields inside Data with other values before the
	// call: pointers (sock_fprog), results of earlier steps.
	Refs []Ref
}

// Ref is a place inside a Pointer's data that holds another argument.
type Ref struct {
	Offset int
	Arg    Arg
	Width  int // bytes: 4, 8, or 0 for 8 for addresses and 4 for the rest
}

// Imm is a plain number.
func Imm(v uint64) Arg { return Arg{Kind: Immediate, Value: v} }

// Str is the address of s with a NUL at its end.
func Str(s string) Arg {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return Bytes(b)
}

// Bytes is the address of b. Steps that are given the same slice share the
// memory, so that one call can fill what a later one reads.
func Bytes(b []byte) Arg { return Refer(b) }

// Refer is the address of b with other values put into it before the call.
func Refer(b []byte, refs ...Ref) Arg {
	return Arg{Kind: Pointer, Memory: &Memory{Data: b, Refs: refs}}
}

// Fd is descriptor i of Program.Fds.
func Fd(i int) Arg { return Arg{Kind: Descriptor, Value: uint64(i)} }

// Res is the result of step i.
func Res(i int) Arg { return Arg{Kind: Result, Value: uint64(i)} }

// Vec is the address of a nil-terminated array of C strings (execve's argv).
func Vec(s []string) Arg { return Arg{Kind: Vector, Memory: &Memory{Strings: s}} }

// New returns an empty program whose clone joins nothing.
func New() *Program { return &Program{Clone: Clone{Cgroup: -1, PidNS: -1}} }

// Add appends a step and returns its index, for Res.
func (p *Program) Add(s Step) int {
	p.Steps = append(p.Steps, s)
	return len(p.Steps) - 1
}

// AddFd appends a descriptor and returns its index, for Fd and Clone.
func (p *Program) AddFd(name string) int {
	p.Fds = append(p.Fds, name)
	return len(p.Fds) - 1
}
