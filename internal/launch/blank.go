package launch

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blank is an executable for children that are nothing yet. Until it executes
// its program a child is a copy of this process, and what that program names,
// "/proc/self/exe", is this program's binary: in a container that is a way to
// the host's file (CVE-2019-5736). A child with a blank executable has none of
// our memory but its program and a copy of the walk, and /proc/self/exe is an
// empty file that nobody can write to.
type blank struct {
	file int    // a sealed memfd, open for reading
	mem  []byte // the copy of walkCode, and a memoryMap
	size int    // of the copy; the map is behind it
}

// memoryMap is struct prctl_mm_map of prctl(2).
type memoryMap struct {
	startCode, endCode, startData, endData, startBrk, brk, startStack, argStart, argEnd, envStart, envEnd uint64

	auxv     uint64
	auxvSize uint32
	exeFd    uint32
}

// NewBlankAsm returns an executor whose children have a blank executable. It
// is an error where the kernel does not let this process have them: that takes
// CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE in its user namespace (prctl(2),
// PR_SET_MM_MAP), and memory that may be executed.
func NewBlankAsm() (*Asm, error) {
	if !givesMemoryAway {
		return nil, errNotBlank
	}
	b, err := newBlank()
	if err != nil {
		return nil, err
	}
	a, err := newAsm(b)
	if err != nil {
		b.close()
	}
	return a, err
}

var errNotBlank = errors.New("children cannot have a blank executable here")

func newBlank() (b *blank, err error) {
	b = &blank{}
	if b.file, err = emptyFile(); err != nil {
		return nil, err
	}
	if err = b.copyWalk(); err != nil {
		syscall.Close(b.file)
		return nil, err
	}
	// Of everything that can be in the way we hear now, since the kernel looks
	// last at whether the old executable is still mapped, as ours is.
	op := b.become()[0]
	_, _, errno := syscall.RawSyscall6(uintptr(op.call), uintptr(op.args[0]), uintptr(op.args[1]), uintptr(op.args[2]), uintptr(op.args[3]), 0, 0)
	if errno != unix.EBUSY {
		b.close()
		return nil, errors.Join(errNotBlank, errno)
	}
	return b, nil
}

// emptyFile makes the file. It is opened once more, because the kernel takes
// no executable that is open for writing.
func emptyFile() (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("blank", flags|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3, where all of them can be executed
		fd, err = unix.MemfdCreate("blank", flags)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return -1, err
	}
	file, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return above2(file)
}

// copyWalk puts the walk, and the map, where no file is mapped.
func (b *blank) copyWalk() error {
	from, to := walkSpan()
	b.size = (int(to) - int(from) + 7) &^ 7
	if b.size <= 0 || b.size > syscall.Getpagesize() {
		return errNotBlank // the linker has put them elsewhere
	}
	size := b.size + int(unsafe.Sizeof(memoryMap{}))
	var err error
	if b.mem, err = syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON); err != nil {
		return err
	}
	copy(b.mem, unsafe.Slice((*byte)(textAt(from)), int(to-from)))
	// Addresses where nothing is, so that the child has no command line either. The
	// kernel wants them in order.
	const low, high = 1 << 20, 1<<20 + 1
	*(*memoryMap)(unsafe.Pointer(&b.mem[b.size])) = memoryMap{
		startCode: low, endCode: high, startData: low, endData: high, startBrk: high, brk: high, startStack: high,
		argStart: low, argEnd: low, envStart: low, envEnd: low, exeFd: uint32(b.file),
	}
	if err := syscall.Mprotect(b.mem, syscall.PROT_READ|syscall.PROT_EXEC); err != nil {
		syscall.Munmap(b.mem)
		return err
	}
	return nil
}

// textAt is a pointer into this program's text, which never moves.
func textAt(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// at is an address in mem.
func (b *blank) at(i int) uintptr { return uintptr(unsafe.Pointer(&b.mem[i])) }

func (b *blank) close() {
	if b != nil {
		syscall.Close(b.file)
		syscall.Munmap(b.mem)
	}
}

// ops is how many become makes.
func (b *blank) ops() int { return len(b.become()) }

// become has a child that has given away our memory take the executable. It
// comes before the child gives away descriptors.
func (b *blank) become() []op {
	if b == nil {
		return nil
	}
	return []op{callOp(unix.SYS_PRCTL, unix.PR_SET_MM, unix.PR_SET_MM_MAP, uint64(b.at(b.size)), uint64(unsafe.Sizeof(memoryMap{})))}
}
