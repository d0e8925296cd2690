package launch

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// Reexec is the executor that runs this binary again as an init, which walks
// the table in Go. It is what there is without the assembly, and its oracle.
//
// A Go process has threads, so the kernel refuses it some steps that the
// assembly's child may take: setns into a user namespace (EINVAL) above all.
type Reexec struct {
	null  int
	pidNS int
}

var _ Executor = (*Reexec)(nil)

// initName is the argv[0] that makes InitMain take over.
const initName = "berth-init"

// The descriptors of the init: after the standard ones come these, then the program's.
const (
	initCode = 3 + iota
	initStatus
	initPipe
	initFds
)

// NewReexec returns an executor. The binary's main has to call InitMain first.
func NewReexec() (*Reexec, error) {
	a, err := NewAsm()
	if err != nil {
		return nil, err
	}
	return &Reexec{null: a.null, pidNS: a.pidNS}, nil
}

// Close gives the executor's descriptors back.
func (x *Reexec) Close() error {
	syscall.Close(x.null)
	return syscall.Close(x.pidNS)
}

// Start implements Executor.
func (x *Reexec) Start(encoded []byte, fds []int) (Child, error) {
	c, err := decode(encoded)
	if err != nil {
		return Child{PidFd: -1}, err
	}
	if len(fds) != c.fds {
		return Child{PidFd: -1}, errCode
	}
	code, err := memfd(encoded, len(encoded))
	if err != nil {
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer syscall.Close(code)
	page, err := memfd(nil, sharedSize())
	if err != nil {
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer syscall.Close(page)
	s, born, unmap, err := mapStatus(page)
	if err != nil {
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer unmap()
	s.begunStep = noStep
	r, w, err := execPipe()
	if err != nil {
		return Child{PidFd: -1}, before(c.steps, err)
	}
	defer syscall.Close(r)
	files := []uintptr{uintptr(x.null), uintptr(x.null), uintptr(x.null), uintptr(code), uintptr(page), uintptr(w)}
	child, errno := inPidNS(pidNSOf(&c, fds), x.pidNS, func() (Child, syscall.Errno) {
		return forkInit(&c, fds, files, initName)
	})
	syscall.Close(w)
	if errno != 0 {
		return Child{PidFd: -1}, before(c.steps, errno)
	}
	waitEOF(r)
	return s.finish(child, born, c.steps)
}

// forkInit starts the init. Nobody waits for it here: that is for who called Start.
func forkInit(c *code, fds []int, files []uintptr, argv ...string) (Child, syscall.Errno) {
	for _, fd := range fds {
		files = append(files, uintptr(fd))
	}
	child := Child{PidFd: -1}
	attr := &syscall.SysProcAttr{Cloneflags: uintptr(c.flags), PidFD: &child.PidFd}
	if c.cgroup >= 0 {
		attr.UseCgroupFD, attr.CgroupFD = true, fds[c.cgroup]
	}
	pid, err := syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{
		// No signals of the runtime's own in the middle of a system call, no collection.
		Env:   []string{"GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=1"},
		Files: files,
		Sys:   attr,
	})
	if err != nil {
		errno, ok := err.(syscall.Errno)
		if !ok {
			errno = syscall.EIO
		}
		return Child{PidFd: -1}, errno
	}
	child.Pid = pid
	return child, 0
}

// memfd makes an anonymous file of the given size that begins with b.
func memfd(b []byte, size int) (int, error) {
	fd, err := unix.MemfdCreate("berth-program", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err = syscall.Ftruncate(fd, int64(size)); err == nil && len(b) > 0 {
		_, err = syscall.Pwrite(fd, b, 0)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

func mapStatus(fd int) (s *status, born *int32, unmap func(), err error) {
	mem, err := syscall.Mmap(fd, 0, sharedSize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, nil, err
	}
	return (*status)(unsafe.Pointer(&mem[0])), (*int32)(unsafe.Pointer(&mem[bornAt()])), func() { syscall.Munmap(mem) }, nil
}

// InitMain must be the first thing that main calls in a binary that uses
// Reexec. It returns at once unless this process is such an init; then it
// never returns.
func InitMain() {
	if len(os.Args) == 0 || os.Args[0] != initName {
		return
	}
	runtime.LockOSThread()
	runInit()
	exit(1)
}

func exit(code uintptr) {
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, code, 0, 0)
	}
}

// runInit comes back when the program has failed; the page says where.
func runInit() {
	s, born, _, err := mapStatus(initStatus)
	if err != nil {
		return
	}
	if err := syscall.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(born)), syscall.Getpagesize()), unix.MADV_DONTFORK); err != nil {
		return
	}
	firstFd := initFds
	if parking() {
		firstFd++
	}
	table, end, err := initTable(initCode, func(i int) int { return firstFd + i })
	if err != nil {
		s.fail(noStep, syscall.ENOEXEC)
		return
	}
	if o := birth(table[:end]); o != nil {
		o.args[5] = uint64(uintptr(unsafe.Pointer(born)))
	}
	zeros := make([]byte, zeroBytes)
	prelude := []op{
		// What was handed over goes away at execve. Only then does the rest: the
		// runtime has descriptors of its own that must not be pulled from under it.
		callOp(unix.SYS_CLOSE_RANGE, 3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC),
		// The threads of the runtime share root and directory, and setns refuses
		// a mount namespace to such.
		callOp(unix.SYS_UNSHARE, unix.CLONE_FS),
	}
	prelude = append(prelude, signalOps(ignoredSignals(), uint64(uintptr(unsafe.Pointer(&zeros[0]))))...)
	ended := walk(prelude, len(prelude), s) && walk(table, end, s)
	if ended && parking() {
		ended = initResume(s)
	}
	if ended {
		s.fail(s.begunStep+1, syscall.ENOEXEC)
	}
	runtime.KeepAlive(zeros)
}

// initTable loads a program that the init was handed; fd tells the number of
// the program's i-th descriptor.
func initTable(file int, fd func(i int) int) (table []op, ops int, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(file, &st); err != nil {
		return nil, 0, err
	}
	encoded := make([]byte, st.Size)
	if _, err := syscall.Pread(file, encoded, 0); err != nil {
		return nil, 0, err
	}
	c, err := decode(encoded)
	if err != nil {
		return nil, 0, err
	}
	fds := make([]int, c.fds)
	for i := range fds {
		fds[i] = fd(i)
	}
	mem, err := syscall.Mmap(-1, 0, len(c.body), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, 0, err
	}
	return opsIn(mem, c.ops), c.ops, c.place(mem, fds)
}

func (s *status) fail(step uint32, errno syscall.Errno) {
	s.step, s.errno, s.failed = step, uint32(errno), 1
}

// walk does in Go what the assembly does. It reports whether it ran to the
// end, which is a failure for a program and as it should be for a prelude.
func walk(table []op, end int, s *status) bool {
	for i := 0; i < end; {
		o := &table[i]
		s.begunStep, s.begunFlags = o.step, o.flags
		args := o.args
		for k := range args {
			if o.indirect>>k&1 != 0 {
				args[k] = *(*uint64)(at(args[k]))
			}
		}
		if o.call == program.CallStore {
			if args[2] == 4 {
				*(*uint32)(at(args[0])) = uint32(args[1])
			} else {
				*(*uint64)(at(args[0])) = args[1]
			}
			i += 1 + int(o.skipOK)
			continue
		}
		call := uintptr(o.call)
		if o.call == program.CallBirth {
			call = unix.SYS_CLONE
		}
		r, _, errno := syscall.RawSyscall6(call, uintptr(args[0]), uintptr(args[1]), uintptr(args[2]),
			uintptr(args[3]), uintptr(args[4]), uintptr(args[5]))
		if o.call == program.CallBirth && errno == 0 && r != 0 {
			*(*int32)(at(args[5])) = int32(r)
			exit(0)
		}
		o.result = uint64(r)
		if errno == 0 {
			i += 1 + int(o.skipOK)
			continue
		}
		o.result = -uint64(errno)
		skip, ok := o.expects(errno)
		if !ok {
			s.fail(o.step, errno)
			return false
		}
		i += 1 + skip
	}
	return true
}

func (o *op) expects(errno syscall.Errno) (skip int, ok bool) {
	for _, x := range o.onErr {
		if x.errno == uint32(errno) {
			return int(x.skip), true
		}
	}
	return 0, false
}

// at is the memory at an address that the loader made: it is not Go's.
func at(address uint64) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
