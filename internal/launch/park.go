package launch

import (
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// Parker is an executor that can stop half way: the child has run a first
// program, which prepares, and waits for the second, which executes.
type Parker interface {
	Executor
	// Park returns when the first program has run to its end, with the child
	// waiting. Its failures are those of Start. A program that is to be parked
	// ends with a step that does nothing, and has no birth.
	Park(code []byte, fds []int) (Parked, Child, error)
}

// Parked is a child that waits. Child.Pid and Child.PidFd of Park stay the
// caller's. One of Resume and Discard is called, once.
type Parked interface {
	// Resume hands the second program and its descriptors over, and returns as
	// Start does; on failure the child has ended. errTooLarge leaves
	// nothing but a child to be discarded.
	Resume(code []byte, fds []int) error
	// Discard ends the child.
	Discard()
}

// areaSize is how large a second program may be, in bytes; pages that are not
// used cost nothing.
const areaSize = 512 << 10

// errTooLarge is for a program that does not fit. Nothing has happened then.
var errTooLarge = &program.Failure{Step: -1, Errno: syscall.E2BIG}

// lot is what the two executors' parked children have in common.
type lot struct {
	pipe   int // ends when the child executes or is gone
	socket int // the child waits at the other end
	status *status
	free   func()
	pidfd  int // not ours
}

func (l *lot) close() {
	syscall.Close(l.pipe)
	syscall.Close(l.socket)
	l.free()
}

func (l *lot) Discard() {
	_ = unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
	l.close()
}

// parked waits until the child says that it waits. What ends first says why.
func (l *lot) parked(steps int) *program.Failure {
	var b [1]byte
	for {
		n, err := syscall.Read(l.socket, b[:])
		if err == syscall.EINTR {
			continue
		}
		if n == 1 && err == nil {
			return nil
		}
		if f := l.status.outcome(steps); f != nil {
			return f
		}
		return failure(noStep, steps, syscall.ENOEXEC) // it has executed something
	}
}

// goOn wakes the child, hands it descriptors and waits for the outcome.
func (l *lot) goOn(fds []int, steps int) error {
	*l.status = status{begunStep: noStep}
	answer := make([]byte, 16) // struct timespec: see gate
	if err := unix.Sendmsg(l.socket, answer, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL); err != nil {
		// It is gone, or will be: who is not told to go on fails.
		_ = unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
		return before(steps, err)
	}
	waitEOF(l.pipe)
	if f := l.status.outcome(steps); f != nil {
		return f
	}
	return nil
}

// gate is the memory that a waiting child's system calls use.
type gate struct {
	answer  [2]uint64 // a time to wait; invalid until somebody has sent it
	iov     [2]uint64
	msg     unix.Msghdr
	control [parkFds*4 + 16]byte
}

// parkFds is how many descriptors a second program may have: SCM_MAX_FD (unix(7)), and the program itself.
const parkFds = 252

// gateOps let the child say that it waits, wait, and go on only if it was
// told to: a closed socket is no error to recvmsg(2), so what is received is a
// time to wait: none, which ppoll(2) takes, unlike clock_nanosleep(2), at its word. keep are the descriptors that it still needs.
func gateOps(g *gate, socket int, keep []int) []op {
	g.answer = [2]uint64{^uint64(0), 0}
	g.iov = [2]uint64{uint64(uintptr(unsafe.Pointer(&g.answer))), uint64(unsafe.Sizeof(g.answer))}
	g.msg = unix.Msghdr{Iov: (*unix.Iovec)(unsafe.Pointer(&g.iov)), Iovlen: 1, Control: &g.control[0]}
	g.msg.SetControllen(len(g.control))
	var ops []op
	for _, r := range others(keep) {
		ops = append(ops, callOp(unix.SYS_CLOSE_RANGE, uint64(r[0]), uint64(r[1])))
	}
	return append(ops,
		callOp(unix.SYS_WRITE, uint64(socket), uint64(uintptr(unsafe.Pointer(&g.answer))), 1),
		callOp(unix.SYS_RECVMSG, uint64(socket), uint64(uintptr(unsafe.Pointer(&g.msg))), unix.MSG_CMSG_CLOEXEC),
		callOp(unix.SYS_PPOLL, 0, 0, uint64(uintptr(unsafe.Pointer(&g.answer)))))
}

// others are the ranges of descriptors from 3 on that are not in keep.
func others(keep []int) (ranges [][2]uint32) {
	keep = slices.Sorted(slices.Values(keep))
	next := uint32(3)
	for _, fd := range keep {
		if uint32(fd) > next {
			ranges = append(ranges, [2]uint32{next, uint32(fd) - 1})
		}
		next = uint32(fd) + 1
	}
	return append(ranges, [2]uint32{next, 1<<32 - 1})
}

// landings are the numbers that n received descriptors get in a child that has
// only the standard ones and keep: the kernel takes the lowest that are free.
func landings(keep []int, n int) []int {
	list := make([]int, 0, n)
	for fd := 3; len(list) < n; fd++ {
		if !slices.Contains(keep, fd) {
			list = append(list, fd)
		}
	}
	return list
}

// second decodes a second program. It must end in execve, whatever happens.
func second(encoded []byte, fds []int) (code, error) {
	c, err := decode(encoded)
	if err != nil {
		return code{}, err
	}
	table := c.table()
	last := table[len(table)-1]
	if len(fds) != c.fds || c.fds > parkFds || c.flags != 0 || c.cgroup >= 0 || c.pidns >= 0 || birth(table) != nil ||
		last.flags&program.FlagExec == 0 || last.onErr != [3]onErr{} {
		return code{}, errCode
	}
	return c, nil
}

// first decodes a program that is to be parked: it ends in a step that does nothing.
func first(encoded []byte, fds []int) (code, error) {
	c, err := decode(encoded)
	if err != nil {
		return code{}, err
	}
	table := c.table()
	if last := table[len(table)-1]; len(fds) != c.fds || birth(table) != nil || last.call != unix.SYS_GETPID || last.skipOK != 0 {
		return code{}, errCode
	}
	return c, nil
}
