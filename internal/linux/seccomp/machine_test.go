package seccomp

import (
	"encoding/binary"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// packet is struct seccomp_data.
type packet struct {
	nr, arch uint32
	args     [6]uint64
}

func (p packet) word(off uint32) uint32 {
	switch {
	case off == 0:
		return p.nr
	case off == 4:
		return p.arch
	}
	v := p.args[(off-16)/8]
	if off%8 == 4 {
		return uint32(v >> 32)
	}
	return uint32(v)
}

// run interprets a filter as the kernel does, for the opcodes the compiler uses.
func run(t testing.TB, f Filter, p packet) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; pc < f.Len(); pc++ {
		in := f.Bytes[8*pc:]
		code, jt, jf := binary.NativeEndian.Uint16(in), int(in[2]), int(in[3])
		k := binary.NativeEndian.Uint32(in[4:])
		var yes bool
		switch code {
		case opLoad:
			if k%4 != 0 || k >= 64 {
				t.Fatalf("instruction %d loads from %d", pc, k)
			}
			a = p.word(k)
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
			yes = a == k
		case opJgt:
			yes = a > k
		case opJge:
			yes = a >= k
		default:
			t.Fatalf("instruction %d has opcode %#x", pc, code)
		}
		if yes {
			pc += jt
		} else {
			pc += jf
		}
	}
	t.Fatalf("the filter ran off its end")
	return 0
}

// oracle reads a profile the slow and obvious way.
type oracle struct {
	p      *specs.LinuxSeccomp
	goarch string
	calls  map[string]call
}

func newOracle(p *specs.LinuxSeccomp, goarch string) oracle {
	o := oracle{p: p, goarch: goarch, calls: map[string]call{}}
	for _, c := range table {
		o.calls[c.name] = c
	}
	return o
}

// touches reports whether any entry with arguments is about a number, in any ABI.
func (o oracle) touches(nr uint32) bool {
	nr &^= x32Bit
	for _, s := range o.p.Syscalls {
		for _, name := range s.Names {
			_, _, behind := x86mux(name)
			for _, n := range o.calls[name].nr {
				if (len(s.Args) > 0 && n >= 0 && uint32(n) == nr) || behind && (nr == 102 || nr == 117) {
					return true
				}
			}
		}
	}
	return false
}

func (o oracle) abi(p packet) (abi, bool) {
	for i, a := range abis(o.goarch) {
		in := i == 0
		for _, name := range o.p.Architectures {
			in = in || name == a.oci
		}
		if in && a.audit == p.arch && (a.audit != 0xc000003e || p.nr >= x32Bit == (a.bit != 0)) {
			return a, true
		}
	}
	return abi{}, false
}

func (o oracle) verdict(p packet) uint32 {
	a, ok := o.abi(p)
	if !ok {
		return retKillThread
	}
	def := number(o.p.DefaultAction, o.p.DefaultErrnoRet)
	first, found, named, highest := uint32(0), false, false, int64(-1)
	for _, s := range o.p.Syscalls {
		ret := number(s.Action, s.ErrnoRet)
		for _, name := range s.Names {
			direct, behind := false, false
			if c, ok := o.calls[name]; ok {
				if n := int64(c.nr[a.col]); n >= 0 {
					direct = uint32(n)|a.bit == p.nr
					if n < 0xf0000 {
						highest = max(highest, n)
					}
				}
			}
			if a.mux != nil {
				nr, sub, ok := a.mux(name)
				behind = ok && nr == p.nr && uint32(p.args[0]) == sub
			}
			if ret == def || !direct && !behind {
				continue
			}
			named = true
			if direct && len(s.Args) == 0 {
				// The first rule for all arguments wins over every other.
				return ret
			}
			if !found && matches(s.Args, p, a, behind) {
				first, found = ret, true
			}
		}
	}
	if found {
		return first
	}
	deny := o.p.DefaultAction != specs.ActAllow && o.p.DefaultAction != specs.ActLog && o.p.DefaultAction != specs.ActTrace
	if deny && !named && int64(p.nr&^a.bit) > highest && highest > 0 {
		return retErrno | uint32(unix.ENOSYS)
	}
	return def
}

func number(a specs.LinuxSeccompAction, errno *uint) uint32 {
	v, _ := verdict(a, errno)
	return v
}

func matches(args []specs.LinuxSeccompArg, p packet, a abi, behind bool) bool {
	count := map[uint]int{}
	twice := false
	for _, arg := range args {
		count[arg.Index]++
		twice = twice || count[arg.Index] > 1
	}
	any, all := false, true
	for _, arg := range args {
		ok := matchesOne(arg, p, a) || behind && arg.Index == 0
		any, all = any || ok, all && ok
	}
	if twice {
		return any
	}
	return all
}

func matchesOne(arg specs.LinuxSeccompArg, p packet, a abi) bool {
	have, want, two := p.args[arg.Index], arg.Value, arg.ValueTwo
	if !a.wide {
		have, want, two = have&0xffffffff, want&0xffffffff, two&0xffffffff
	}
	switch arg.Op {
	case specs.OpEqualTo:
		return have == want
	case specs.OpNotEqual:
		return have != want
	case specs.OpLessThan:
		return have < want
	case specs.OpLessEqual:
		return have <= want
	case specs.OpGreaterThan:
		return have > want
	case specs.OpGreaterEqual:
		return have >= want
	}
	return have&want == two&want
}
