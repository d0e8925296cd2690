package launch

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// Asm is the executor that walks the table in assembly: the child is a plain
// copy of this process that never runs Go code.
type Asm struct {
	null    int     // /dev/null
	pidNS   int     // our own pid namespace, to come back to
	ignored []int   // signals that the child has to stop ignoring
	keep    []span  // what of our memory a child that is born again needs
	all     span    // all that we use of it
	code    uintptr // walkCode, or a copy of it
	blank   *blank  // nil: children have our executable
}

var _ Executor = (*Asm)(nil)

// NewAsm returns an executor. It takes note of the signals that the process
// ignores now; do not ignore others afterwards.
func NewAsm() (*Asm, error) { return newAsm(nil) }

// newAsm's executor has the blank one, unless it is nil.
func newAsm(b *blank) (*Asm, error) {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	a := &Asm{null: null, ignored: ignoredSignals(), blank: b}
	if a.null, err = above2(null); err != nil {
		return nil, err
	}
	if a.pidNS, err = syscall.Open("/proc/self/ns/pid", syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
		syscall.Close(a.null)
		return nil, err
	}
	if a.code, _ = walkSpan(); b != nil {
		a.code = b.at(0)
	}
	if a.keep, a.all, err = space(a.code); err != nil {
		syscall.Close(a.null)
		syscall.Close(a.pidNS)
		return nil, err
	}
	return a, nil
}

// Close gives the executor's descriptors back.
func (a *Asm) Close() error {
	a.blank.close()
	syscall.Close(a.null)
	return syscall.Close(a.pidNS)
}

// above2 moves a descriptor out of the way of the standard ones; it consumes fd.
func above2(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	syscall.Close(fd)
	return moved, err
}

// Start implements Executor. It blocks a thread until the child has executed
// its program, however long its steps wait for somebody.
func (a *Asm) Start(encoded []byte, fds []int) (Child, error) {
	c, err := decode(encoded)
	if err != nil {
		return Child{PidFd: -1}, err
	}
	if len(fds) != c.fds {
		return Child{PidFd: -1}, errCode
	}
	fds, undo, err := allAbove2(fds)
	if err != nil {
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer undo()
	r, w, err := execPipe()
	if err != nil {
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer syscall.Close(r)
	l, err := a.load(&c, fds, w)
	if err != nil {
		syscall.Close(w)
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer l.free()
	child, errno := inPidNS(pidNSOf(&c, fds), a.pidNS, l.clone)
	syscall.Close(w)
	if errno != 0 {
		return Child{PidFd: -1}, before(c.steps, errno)
	}
	waitEOF(r)
	return l.status.finish(child, l.born, c.steps)
}

// before is a failure that left no child behind.
func before(steps int, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return &program.Failure{Step: -1, Of: steps, Errno: errno}
	}
	return err
}

func pidNSOf(c *code, fds []int) int {
	if c.pidns < 0 {
		return -1
	}
	return fds[c.pidns]
}

// allAbove2 returns the descriptors with those below 3 moved, because the
// child puts /dev/null there first. undo closes the moved ones.
func allAbove2(fds []int) (moved []int, undo func(), err error) {
	moved = append(moved, fds...)
	var ours []int
	undo = func() {
		for _, fd := range ours {
			syscall.Close(fd)
		}
	}
	for i, fd := range moved {
		if fd > 2 {
			continue
		}
		if moved[i], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			undo()
			return nil, nil, err
		}
		ours = append(ours, moved[i])
	}
	return moved, undo, nil
}

// execPipe makes the pipe that ends when the child has executed its program
// or is gone.
func execPipe() (r, w int, err error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return -1, -1, err
	}
	if w, err = above2(p[1]); err != nil {
		syscall.Close(p[0])
		return -1, -1, err
	}
	return p[0], w, nil
}

func waitEOF(r int) {
	var b [1]byte
	for {
		if n, err := syscall.Read(r, b[:]); n == 0 || err != nil && err != syscall.EINTR {
			return
		}
	}
}

// loaded is a program in memory that does not move, ready to be walked.
type loaded struct {
	mem    []byte     // clone_args, the zeros, prelude, body: the child gets a copy
	shared []byte     // the status and the word of a birth: the child shares them
	args   *cloneArgs // in mem
	first  *op        // in mem
	end    *op        // one past the last op, in mem
	pidfd  *int32     // in mem
	status *status    // in shared
	born   *int32     // in shared: see birth.go
	code   uintptr    // of the walk
}

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize, cgroup uint64
}

const (
	pidfdAt   = unsafe.Sizeof(cloneArgs{})
	zerosAt   = pidfdAt + 8
	preludeAt = zerosAt + zeroBytes
	ranOff    = 1 // ops behind the program: what runs off its end
)

// load lays the program out: [clone_args, pidfd, zeros][prelude][program][ran off][data].
func (a *Asm) load(c *code, fds []int, pipe int) (*loaded, error) {
	keep := append([]int{pipe}, fds...)
	prelude := descriptorOps(keep, a.null)
	again := birth(c.table()) != nil
	preludeOps := len(prelude) + len(a.ignored) + 1 + a.blank.ops()
	if again || a.blank != nil {
		preludeOps += a.birthOps()
	}
	bodyAt := int(preludeAt) + preludeOps*program.OpSize
	mem, err := syscall.Mmap(-1, 0, bodyAt+len(c.body), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, err
	}
	l := &loaded{mem: mem, code: a.code}
	l.shared, err = syscall.Mmap(-1, 0, sharedSize(), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_SHARED|syscall.MAP_ANON)
	if err != nil {
		l.free()
		return nil, err
	}
	if err := c.place(mem[bodyAt:], fds); err != nil {
		l.free()
		return nil, err
	}
	zeros := uint64(uintptr(unsafe.Pointer(&mem[zerosAt])))
	if again || a.blank != nil {
		prelude = append(a.birthPrelude(mem, l.shared), prelude...)
	}
	prelude = append(prelude, signalOps(a.ignored, zeros)...)
	table := opsIn(mem[preludeAt:], preludeOps+c.ops)
	copy(table, prelude)
	l.born = (*int32)(unsafe.Pointer(&l.shared[bornAt()]))
	if again {
		birth(table).args[5] = uint64(uintptr(unsafe.Pointer(l.born)))
	}
	l.first = &table[0]
	l.end = (*op)(unsafe.Add(unsafe.Pointer(l.first), len(table)*program.OpSize))
	l.status = (*status)(unsafe.Pointer(&l.shared[0]))
	l.status.begunStep = noStep
	l.fillCloneArgs(c, fds)
	return l, nil
}

func (l *loaded) fillCloneArgs(c *code, fds []int) {
	l.args = (*cloneArgs)(unsafe.Pointer(&l.mem[0]))
	l.pidfd = (*int32)(unsafe.Pointer(&l.mem[pidfdAt]))
	*l.args = cloneArgs{
		flags:      c.flags | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND,
		pidfd:      uint64(uintptr(unsafe.Pointer(l.pidfd))),
		exitSignal: uint64(syscall.SIGCHLD),
	}
	if c.cgroup >= 0 {
		l.args.flags |= unix.CLONE_INTO_CGROUP
		l.args.cgroup = uint64(fds[c.cgroup])
	}
}

func (l *loaded) free() {
	syscall.Munmap(l.mem)
	if l.shared != nil {
		syscall.Munmap(l.shared)
	}
}

// cloneWalk is in assembly: it calls code, which is walkCode or a copy of it:
// clone3, and in the child the walk over the ops from first to end. It returns
// in the parent only, with the kernel's answer.
//
//go:noescape
func cloneWalk(code uintptr, args *cloneArgs, first, end *op, status *status) int64

// walkCode is not called from Go. It ends where walkCodeEnd begins; walkSpan says where that is.
//
//lint:ignore U1000 the assembler wants it declared
func walkCode()

//lint:ignore U1000 the assembler wants it declared
func walkCodeEnd()

func walkSpan() (from, to uintptr)

// clone makes the child. The caller has locked the thread.
func (l *loaded) clone() (Child, syscall.Errno) {
	// With all signals blocked no Go handler can run in the child, where there
	// is no Go runtime that could serve it.
	all, old := ^uint64(0), uint64(0)
	sigmask(&all, &old)
	pid := cloneWalk(l.code, l.args, l.first, l.end, l.status)
	sigmask(&old, nil)
	if pid < 0 {
		return Child{PidFd: -1}, syscall.Errno(-pid)
	}
	return Child{Pid: int(pid), PidFd: int(*l.pidfd)}, 0
}

func sigmask(set, old *uint64) {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(set)),
		uintptr(unsafe.Pointer(old)), sigsetBytes, 0, 0)
}

// inPidNS calls clone on a locked thread whose children are born in the pid
// namespace of the pidfd ns (-1: ours), and takes the thread back to own.
func inPidNS(ns, own int, clone func() (Child, syscall.Errno)) (child Child, errno syscall.Errno) {
	if ns < 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return clone()
	}
	done := make(chan struct{})
	// A goroutine of its own, so that a thread that cannot come back ends with it.
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if errno = setns(ns); errno == 0 {
			child, errno = clone()
		}
		if setns(own) == 0 {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return child, errno
}

func setns(fd int) syscall.Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_SETNS, uintptr(fd), unix.CLONE_NEWPID, 0)
	return e
}
