package launch

import (
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	lastSignal  = 64
	sigsetBytes = 8
	// zeros are enough for an empty sigset_t and for a struct sigaction that says SIG_DFL.
	zeroBytes = 32
)

// sigaction is the kernel's struct sigaction, of which we look at the handler only.
type sigaction struct {
	handler              uintptr
	flags, restorer, set uint64
}

// ignoredSignals lists the signals that this process ignores. A clone keeps
// ignoring them, CLONE_CLEAR_SIGHAND or not, and so would what it executes.
func ignoredSignals() []int {
	var list []int
	for sig := 1; sig <= lastSignal; sig++ {
		var now sigaction
		_, _, e := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0,
			uintptr(unsafe.Pointer(&now)), sigsetBytes, 0, 0)
		if e == 0 && now.handler == 1 {
			list = append(list, sig)
		}
	}
	return list
}

// descriptorOps leave the child no descriptor of the parent's but keep (all 3
// or more): /dev/null takes the place of the standard ones, so that nothing
// the program opens lands on 0, 1 or 2 before the program puts something
// there, and everything else is closed or closed by execve.
func descriptorOps(keep []int, null int) []op {
	keep = slices.Clone(keep)
	slices.Sort(keep)
	ops := make([]op, 0, 5+len(keep))
	for std := range 3 {
		ops = append(ops, callOp(unix.SYS_DUP3, uint64(null), uint64(std)))
	}
	next := 3
	for _, fd := range keep {
		if fd > next {
			ops = append(ops, callOp(unix.SYS_CLOSE_RANGE, uint64(next), uint64(fd-1)))
		}
		next = max(next, fd+1)
	}
	ops = append(ops, callOp(unix.SYS_CLOSE_RANGE, uint64(next), 1<<32-1))
	return append(ops, callOp(unix.SYS_CLOSE_RANGE, 3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC))
}

// signalOps give the child default dispositions and an empty mask. zeros is
// the address of zeroBytes zero bytes. The mask comes last: until then nothing
// interrupts.
func signalOps(ignored []int, zeros uint64) []op {
	ops := make([]op, 0, 1+len(ignored))
	for _, sig := range ignored {
		ops = append(ops, callOp(unix.SYS_RT_SIGACTION, uint64(sig), zeros, 0, sigsetBytes))
	}
	return append(ops, callOp(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, zeros, 0, sigsetBytes))
}

func callOp(call uint64, args ...uint64) op {
	o := op{call: call, step: noStep}
	copy(o.args[:], args)
	return o
}
