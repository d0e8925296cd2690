//go:build linux && (amd64 || arm64)

// Package pid1 is the first process of a container with --init: a program of one
// page that starts the container's own, passes every signal on to it, reaps whom it
// and its like have left behind, and ends as it does, with 128 and the signal's number
// for one that a signal ended.
//
// It is assembly for what it costs: a program in Go has a mebibyte and five
// threads in every container, this one a stack. What it does is what Docker's does
// (tini without options): its child leads a process group of its own, in the foreground
// of the terminal if there is one.
package pid1

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"unsafe"
)

// Path is where it is in a container, as with Docker.
const Path = "/sbin/docker-init"

// Args is the command line under which a program runs below it.
func Args(argv []string) []string { return append([]string{Path, "--"}, argv...) }

// The program's memory: the file as it is, at base; what it says is a page behind the
// code. The assembly knows these numbers from here.
const (
	base     = 0x400000
	textSize = 0x1000 // header and code
	texts    = base + textSize
	textSlot = 64 // bytes of each text, its length first
	pathAt   = texts + len(says)*textSlot
)

// says is all that it ever says, in the order that the assembly knows.
const says = "012345"

func sentences() [len(says)]string {
	return [...]string{
		"[FATAL docker-init] exec ",
		" failed: No such file or directory\n",
		" failed: Permission denied\n",
		" failed\n",
		"[FATAL docker-init] usage: docker-init -- PROGRAM [ARG...]\n",
		"[FATAL docker-init] no process can be made\n",
	}
}

// defaultPath is searched when the environment has no PATH.
const defaultPath = "/bin:/usr/bin\x00"

// forwarded are the signals that it waits for: all but those that a process
// brings upon itself (4 to 8, 11 and 31), as bits.
//
//lint:ignore U1000 the assembly has it
const forwarded = ^(1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<10 | 1<<30)

// Program is the executable.
func Program() []byte {
	from, to := codeSpan()
	code := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&from))), int(to-from)) // text, which never moves
	machine := map[string]uint16{"amd64": 62, "arm64": 183}[runtime.GOARCH]
	const headers = 64 + 2*56
	size := uint64(textSize + len(says)*textSlot + len(defaultPath))
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	// elf(5): the header, the one segment, and a stack that is not executable.
	put([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9), uint16(2), machine, uint32(1), uint64(base+headers), uint64(64), uint64(0),
		uint32(0), uint16(64), uint16(56), uint16(2), uint16(0), uint16(0), uint16(0))
	put(uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000))
	put(uint32(0x6474e551), uint32(6), make([]byte, 40), uint64(16))
	b.Write(code)
	b.Write(make([]byte, textSize-b.Len()))
	for _, text := range sentences() {
		slot := make([]byte, textSlot)
		slot[0] = byte(copy(slot[1:], text))
		b.Write(slot)
	}
	b.WriteString(defaultPath)
	return b.Bytes()
}

// code is not called from Go: it is copied. It ends where codeEnd begins.
//
//lint:ignore U1000 see codeSpan
func code()

//lint:ignore U1000 see codeSpan
func codeEnd()

// codeSpan says where it is.
func codeSpan() (from, to uintptr)
