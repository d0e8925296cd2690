package launch

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// A program may have its process born again (program.Birth), in a place where
// hostile processes see it. What is born has the program's memory alone: not the
// copy of ours, in which other programs may lie, and not the word by which its
// parent tells us its ID, through which it could claim to be another.

// bornAt is where in the shared pages that word is: a page that what is born
// does not get.
func bornAt() int { return syscall.Getpagesize() }

// sharedSize is the size of the pages that are shared with the child: the status
// and the word.
func sharedSize() int { return 2 * syscall.Getpagesize() }

// birth returns the op that is a birth, or nil.
func birth(table []op) *op {
	for i := range table {
		if table[i].call == program.CallBirth {
			return &table[i]
		}
	}
	return nil
}

// span is a part of the address space.
type span struct{ from, to uintptr }

func spanOf(b []byte) span {
	from := uintptr(unsafe.Pointer(&b[0]))
	return span{from, from + uintptr(len(b)+syscall.Getpagesize()-1)&^uintptr(syscall.Getpagesize()-1)}
}

// space finds out where memory ends, and what of it a child needs or cannot
// give away: the mapping that has the code, and what the kernel put there ("[vdso]").
func space(code uintptr) (keep []span, all span, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, span{}, err
	}
	for line := range strings.Lines(string(maps)) {
		first, rest, _ := strings.Cut(line, "-")
		last, _, _ := strings.Cut(rest, " ")
		from, err := strconv.ParseUint(first, 16, 64)
		to, err2 := strconv.ParseUint(last, 16, 64)
		if err != nil || err2 != nil {
			return nil, span{}, errors.Join(err, err2)
		}
		if strings.Contains(line, "[vsyscall]") {
			continue // it lies behind the end of memory
		}
		s := span{uintptr(from), uintptr(to)}
		if s.from <= code && code < s.to || strings.Contains(line, "[v") {
			keep = append(keep, s)
		}
		all.to = max(all.to, s.to)
	}
	return keep, all, nil
}

// gaps are what is in all beside what is kept, in len(keep)+1 parts; some may be empty.
func gaps(all span, keep ...span) []span {
	var out []span
	for {
		next := span{all.to, all.to}
		for _, k := range keep {
			if k.from >= all.from && k.from < next.from {
				next = k
			}
		}
		out = append(out, span{all.from, next.from})
		if next.from == all.to {
			break
		}
		all.from = next.to
	}
	for len(out) <= len(keep) { // those that touch
		out = append(out, span{})
	}
	return out
}

// birthOps is the number of ops that birthPrelude makes.
func (a *Asm) birthOps() int { return 1 + len(a.keep) + 2 + 1 }

// birthPrelude has the child give away its copy of our memory but for the
// code and the program, and keep the word to itself.
func (a *Asm) birthPrelude(mem, shared []byte) []op {
	word := shared[bornAt():]
	keepWord := callOp(unix.SYS_MADVISE, uint64(uintptr(unsafe.Pointer(&word[0]))), uint64(len(word)), unix.MADV_DONTFORK)
	return append([]op{keepWord}, a.forget(mem, shared)...)
}

// forget has the child give away its copy of our memory but for the code and
// the two given parts.
func (a *Asm) forget(mem, shared []byte) []op {
	var ops []op
	for _, g := range gaps(a.all, append([]span{spanOf(mem), spanOf(shared)}, a.keep...)...) {
		if g.from == g.to || !givesMemoryAway {
			ops = append(ops, callOp(unix.SYS_GETPID)) // nothing
			continue
		}
		ops = append(ops, callOp(unix.SYS_MUNMAP, uint64(g.from), uint64(g.to-g.from)))
	}
	return append(ops, a.blank.become()...)
}

// successor is the child that goes on after a birth; 0 is no birth. It reaps
// the first child, unless somebody else has.
func successor(first Child, born int32, steps int) (Child, error) {
	if born == 0 {
		return first, nil
	}
	for {
		if _, err := syscall.Wait4(first.Pid, nil, unix.WALL, nil); err != syscall.EINTR {
			break
		}
	}
	child := Child{Pid: int(born)}
	var err error
	child.PidFd, err = unix.PidfdOpen(child.Pid, 0)
	switch {
	case err == nil && !isChild(child.PidFd):
		// It has been reaped already, and another has its ID.
		syscall.Close(child.PidFd)
		fallthrough
	case err == unix.ESRCH:
		// What says of the first child that it has ended says it of this, too.
		child.PidFd = first.PidFd
		return child, nil
	case err != nil:
		_ = syscall.Kill(child.Pid, syscall.SIGKILL) // nobody can keep it
		child.PidFd = -1
		err = before(steps, err)
	}
	syscall.Close(first.PidFd)
	return child, err
}

// isChild reports whether a process is a child of ours that nobody has reaped.
func isChild(pidfd int) bool {
	for {
		err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}

// finish is what both executors do once the exec pipe has ended.
func (s *status) finish(child Child, born *int32, steps int) (Child, error) {
	child, err := successor(child, *born, steps)
	if err != nil {
		return child, err
	}
	if f := s.outcome(steps); f != nil {
		syscall.Close(child.PidFd)
		child.PidFd = -1
		return child, f
	}
	return child, nil
}
