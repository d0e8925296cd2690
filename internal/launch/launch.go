// Package launch runs programs: it clones a child that walks the list of
// system calls and becomes the container's process.
package launch

// Child is a process that has reached execve.
type Child struct {
	Pid   int
	PidFd int // close-on-exec; the caller closes it; -1 when Start has failed
}

// Executor starts a program. There are two, under one contract: the assembly
// walker in a cloned child, and a re-exec'd init that walks the same table.
//
// Start takes an encoded program (program.Encode) and returns when execve has
// succeeded or the program has failed. fds are
// the numbers of the program's descriptors in this process, in the order of
// Program.Fds; they stay the caller's. On failure the error is a
// *program.Failure and the child has ended; Child.Pid is set when there was a
// child, which the caller has to reap.
type Executor interface {
	Start(code []byte, fds []int) (Child, error)
}
