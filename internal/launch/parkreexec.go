package launch

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

var _ Parker = (*Reexec)(nil)

// parkWord is the argument that tells an init to wait behind its program. The
// socket on which it does comes before the program's descriptors.
const parkWord = "park"

// parking reports whether this init is one that waits.
func parking() bool { return len(os.Args) > 1 && os.Args[1] == parkWord }

// parkedInit is an init that waits. It is sent the second program in a file, as
// the first descriptor.
type parkedInit struct{ lot }

// Park implements Parker.
func (x *Reexec) Park(encoded []byte, fds []int) (Parked, Child, error) {
	none := Child{PidFd: -1}
	c, err := first(encoded, fds)
	if err != nil {
		return nil, none, err
	}
	p, theirs, err := newLot()
	if err != nil {
		return nil, none, before(c.steps, err)
	}
	child, err := x.forkParking(&c, encoded, fds, &p, theirs)
	syscall.Close(theirs[0])
	syscall.Close(theirs[1])
	if err != nil {
		p.close()
		return nil, none, before(c.steps, err)
	}
	p.pidfd = child.PidFd
	if f := p.parked(c.steps); f != nil {
		p.Discard()
		syscall.Close(child.PidFd)
		child.PidFd = -1
		return nil, child, f
	}
	return &parkedInit{lot: p}, child, nil
}

// forkParking starts an init that waits.
func (x *Reexec) forkParking(c *code, encoded []byte, fds []int, p *lot, theirs [2]int) (Child, error) {
	file, err := memfd(encoded, len(encoded))
	if err != nil {
		return Child{}, err
	}
	defer syscall.Close(file)
	page, err := memfd(nil, sharedSize())
	if err != nil {
		return Child{}, err
	}
	defer syscall.Close(page)
	s, _, unmap, err := mapStatus(page)
	if err != nil {
		return Child{}, err
	}
	p.status, p.free = s, unmap
	p.status.begunStep = noStep
	null := uintptr(x.null)
	files := []uintptr{null, null, null, uintptr(file), uintptr(page), uintptr(theirs[0]), uintptr(theirs[1])}
	child, errno := inPidNS(pidNSOf(c, fds), x.pidNS, func() (Child, syscall.Errno) {
		return forkInit(c, fds, files, initName, parkWord)
	})
	if errno != 0 {
		return child, errno
	}
	return child, nil
}

// Resume implements Parked.
func (p *parkedInit) Resume(encoded []byte, fds []int) error {
	c, err := second(encoded, fds)
	if err == nil && (len(fds) == parkFds || len(c.body) > areaSize) {
		err = errTooLarge // of descriptors the program itself is one more
	}
	if err != nil {
		p.Discard()
		return err
	}
	file, err := memfd(encoded, len(encoded))
	if err != nil {
		p.Discard()
		return before(c.steps, err)
	}
	defer syscall.Close(file)
	defer p.close()
	return p.goOn(append([]int{file}, fds...), c.steps)
}

// initResume is the init's side: it waits for the second program and walks it.
// It reports whether that ran to its end, as walk does.
func initResume(s *status) bool {
	files, err := initReceive()
	if err != nil {
		s.fail(noStep, syscall.ENOEXEC)
		return false
	}
	table, end, err := initTable(files[0], func(i int) int { return files[1+i] })
	if err != nil {
		s.fail(noStep, syscall.ENOEXEC)
		return false
	}
	syscall.Close(files[0])
	return walk(table, end, s)
}

// initReceive says that the init waits, and waits for descriptors. The
// runtime's own stay, but the first program's go.
func initReceive() ([]int, error) {
	const socket = initFds
	g := new(gate)
	pin := new(runtime.Pinner)
	defer pin.Unpin()
	pin.Pin(g)
	ops := gateOps(g, socket, nil)
	for _, o := range ops[1:] {
		if _, _, errno := syscall.RawSyscall6(uintptr(o.call), uintptr(o.args[0]), uintptr(o.args[1]),
			uintptr(o.args[2]), uintptr(o.args[3]), 0, 0); errno != 0 {
			return nil, errno
		}
	}
	messages, err := unix.ParseSocketControlMessage(g.control[:g.msg.Controllen])
	if err != nil || len(messages) != 1 {
		return nil, errCode
	}
	return unix.ParseUnixRights(&messages[0])
}
