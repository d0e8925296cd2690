package launch

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

var _ Parker = (*Asm)(nil)

// parkedAsm is a child of the assembly walker that waits. All of its memory
// that matters is shared with us, and the walker's table goes on where the
// second program will be: who waits need not be told where to go on.
type parkedAsm struct {
	lot
	area []byte // the table's last part, for the second program
	keep []int  // the child's own descriptors
}

// Park implements Parker.
func (a *Asm) Park(encoded []byte, fds []int) (Parked, Child, error) {
	none := Child{PidFd: -1}
	c, err := first(encoded, fds)
	if err != nil {
		return nil, none, err
	}
	fds, undo, err := allAbove2(fds)
	if err != nil {
		return nil, none, before(c.steps, err)
	}
	defer undo()
	p, theirs, err := newLot()
	if err != nil {
		return nil, none, before(c.steps, err)
	}
	l, area, err := a.layOut(&c, fds, theirs)
	if err != nil {
		syscall.Close(theirs[0])
		syscall.Close(theirs[1])
		p.close()
		return nil, none, before(c.steps, err)
	}
	p.status, p.free = l.status, l.free
	child, errno := inPidNS(pidNSOf(&c, fds), a.pidNS, l.clone)
	syscall.Close(theirs[0])
	syscall.Close(theirs[1])
	if errno != 0 {
		p.close()
		return nil, none, before(c.steps, errno)
	}
	p.pidfd = child.PidFd
	if f := p.parked(c.steps); f != nil {
		p.Discard()
		syscall.Close(child.PidFd)
		child.PidFd = -1
		return nil, child, f
	}
	return &parkedAsm{lot: p, area: area, keep: theirs[:]}, child, nil
}

// newLot makes the pipe and the socket. theirs are the child's ends, above 2.
func newLot() (p lot, theirs [2]int, err error) {
	p = lot{free: func() {}, pidfd: -1}
	if p.pipe, theirs[0], err = execPipe(); err != nil {
		return p, theirs, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		p.socket = pair[0]
		if theirs[1], err = above2(pair[1]); err != nil {
			syscall.Close(pair[0])
		}
	}
	if err != nil {
		syscall.Close(p.pipe)
		syscall.Close(theirs[0])
	}
	return p, theirs, err
}

// layOut lays a program out so that it can go on with another:
// [clone_args, pidfd, zeros][gate][prelude][program, data][gate's ops][second program, data].
// The last op of the program skips its data.
func (a *Asm) layOut(c *code, fds []int, theirs [2]int) (*loaded, []byte, error) {
	prelude := descriptorOps(append(theirs[:], fds...), a.null)
	preludeOps := len(prelude) + len(a.keep) + 3 + a.blank.ops() + len(a.ignored) + 1
	gateAt := int(preludeAt)
	firstAt := gateAt + (int(unsafe.Sizeof(gate{}))+7)&^7
	bodyAt := firstAt + preludeOps*program.OpSize
	bodyOps := (len(c.body) + program.OpSize - 1) / program.OpSize
	waitAt := bodyAt + bodyOps*program.OpSize
	const waitOps = 6 // at most: three ranges of descriptors and three calls
	areaAt := waitAt + waitOps*program.OpSize
	mem, err := syscall.Mmap(-1, 0, areaAt+areaSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON)
	if err != nil {
		return nil, nil, err
	}
	l := &loaded{mem: mem, code: a.code}
	if l.shared, err = syscall.Mmap(-1, 0, sharedSize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON); err != nil {
		l.free()
		return nil, nil, err
	}
	if err := c.place(mem[bodyAt:], fds); err != nil {
		l.free()
		return nil, nil, err
	}
	prelude = append(a.forget(mem, l.shared), prelude...) // or it would keep our pages for as long as it waits
	prelude = append(prelude, signalOps(a.ignored, uint64(uintptr(unsafe.Pointer(&mem[zerosAt]))))...)
	table := opsIn(mem[firstAt:], (len(mem)-firstAt)/program.OpSize)
	copy(table, prelude)
	table[preludeOps+c.ops-1].skipOK = uint32(bodyOps - c.ops)
	wait := gateOps((*gate)(unsafe.Pointer(&mem[gateAt])), theirs[1], theirs[:])
	for len(wait) < waitOps {
		wait = append([]op{callOp(unix.SYS_GETPID)}, wait...)
	}
	copy(table[preludeOps+bodyOps:], wait)
	l.first = &table[0]
	l.end = &table[len(table)-1]
	l.born = (*int32)(unsafe.Pointer(&l.shared[bornAt()]))
	l.status = (*status)(unsafe.Pointer(&l.shared[0]))
	l.status.begunStep = noStep
	l.fillCloneArgs(c, fds)
	return l, mem[areaAt:], nil
}

// Resume implements Parked.
func (p *parkedAsm) Resume(encoded []byte, fds []int) error {
	c, err := second(encoded, fds)
	if err == nil && len(c.body) > len(p.area) {
		err = errTooLarge
	}
	if err == nil {
		err = c.place(p.area, landings(p.keep, len(fds)))
	}
	if err != nil {
		p.Discard()
		return err
	}
	defer p.close()
	return p.goOn(fds, c.steps)
}
