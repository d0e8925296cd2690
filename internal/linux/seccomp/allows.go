package seccomp

import (
	"encoding/binary"
	"runtime"

	"golang.org/x/sys/unix"
)

// Allows reports whether a process with this filter may make a system call of
// this machine's own convention. The zero Filter allows everything.
func (f Filter) Allows(call uintptr, args ...uint64) bool {
	native := abis(runtime.GOARCH)
	if f.Len() == 0 || len(native) == 0 {
		return f.Len() == 0
	}
	var data [offArgs + 6*8]byte // struct seccomp_data
	binary.NativeEndian.PutUint32(data[offNr:], uint32(call))
	binary.NativeEndian.PutUint32(data[offArch:], native[0].audit)
	for i, v := range args {
		binary.NativeEndian.PutUint64(data[offArgs+8*i:], v)
	}
	verdict := f.verdict(data[:])
	return verdict == retAllow || verdict == retLog
}

// verdict runs the filter as the kernel does, for the instructions that Compile
// uses; others end it with the strictest verdict.
func (f Filter) verdict(data []byte) uint32 {
	const strictest = 0x80000000 // SECCOMP_RET_KILL_PROCESS
	var a uint32
	for pc := 0; pc < f.Len(); pc++ {
		in := f.Bytes[pc*unix.SizeofSockFilter:]
		code, yes, no, k := binary.NativeEndian.Uint16(in), in[2], in[3], binary.NativeEndian.Uint32(in[4:])
		var met bool
		switch code {
		case opLoad:
			if int(k)+4 > len(data) {
				return strictest
			}
			a = binary.NativeEndian.Uint32(data[k:])
			continue
		case opAnd:
			a &= k
			continue
		case opJump:
			pc += int(k)
			continue
		case opRet:
			return k
		case opJeq:
			met = a == k
		case opJgt:
			met = a > k
		case opJge:
			met = a >= k
		default:
			return strictest
		}
		if met {
			pc += int(yes)
		} else {
			pc += int(no)
		}
	}
	return strictest
}
