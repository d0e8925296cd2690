//go:build linux

package program

import (
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Text is the program for people and for tests, one step a line. The same
// program always reads the same:
//
//	clone NEWNS|NEWPID, cgroup fd 0 (cgroup)
//	 1. open the host's mask    openat(fd 1 (rootfs), "mask", CLOEXEC, 0) ENOENT: to 3   # why it stands here
//	 2. close it                close($1)
//
// $1 is the result of step 1.
func (p *Program) Text() string {
	width, digits := 0, len(strconv.Itoa(len(p.Steps)))
	for _, s := range p.Steps {
		width = max(width, utf8.RuneCountInString(s.Name))
	}
	w := &writer{fds: p.Fds}
	w.clone(p.Clone)
	for i, s := range p.Steps {
		number := strconv.Itoa(i + 1)
		w.add(strings.Repeat(" ", digits-len(number)), number, ". ", s.Name,
			strings.Repeat(" ", width-utf8.RuneCountInString(s.Name)), "  ")
		w.call(s)
		w.jumps(i, s)
		if s.Why != "" {
			w.add("   # ", s.Why)
		}
		w.add("\n")
	}
	return w.String()
}

type writer struct {
	strings.Builder
	fds []string
}

func (w *writer) add(parts ...string) {
	for _, s := range parts {
		w.WriteString(s)
	}
}

func (w *writer) clone(c Clone) {
	w.add("clone ")
	w.flags(c.Flags, cloneBits)
	if c.Cgroup >= 0 {
		w.add(", cgroup ")
		w.fd(uint64(c.Cgroup))
	}
	if c.PidNS >= 0 {
		w.add(", pid namespace of ")
		w.fd(uint64(c.PidNS))
	}
	w.add("\n")
}

func (w *writer) fd(i uint64) {
	w.add("fd ", strconv.FormatUint(i, 10))
	if i < uint64(len(w.fds)) {
		w.add(" (", w.fds[i], ")")
	}
}

func (w *writer) call(s Step) {
	name, ok := callNames[s.Call]
	if !ok {
		name = "syscall " + strconv.FormatUint(uint64(s.Call), 10)
	}
	f := forms[s.Call]
	count := f.count
	for k := count; k < len(s.Args); k++ {
		// A call without a form shows as many arguments as say something.
		if a := s.Args[k]; a.Kind != Immediate || a.Value != 0 {
			count = k + 1
		}
	}
	w.add(name, "(")
	for k, a := range s.Args[:count] {
		if k > 0 {
			w.add(", ")
		}
		switch {
		case a.Kind != Immediate:
			w.arg(a)
		case f.flags[k] != nil:
			w.flags(a.Value, f.flags[k])
		case f.octal>>k&1 != 0 && a.Value != 0:
			w.add("0", strconv.FormatUint(a.Value, 8))
		default:
			w.number(a.Value, f.enum[k])
		}
	}
	w.add(")")
}

// jumps says where it goes on other than with the next step.
func (w *writer) jumps(i int, s Step) {
	for _, x := range s.OnErr {
		name := unix.ErrnoName(x.Errno)
		if name == "" {
			name = "errno " + strconv.Itoa(int(x.Errno))
		}
		w.add(" ", name, ": to ", strconv.Itoa(i+2+x.Skip))
	}
	if s.SkipOK > 0 {
		w.add(" ok: to ", strconv.Itoa(i+2+s.SkipOK))
	}
}

func (w *writer) flags(v uint64, set []bit) {
	var names []string
	for _, b := range set {
		if v&b.value == b.value {
			names = append(names, b.name)
			v &^= b.value
		}
	}
	if v != 0 || len(names) == 0 {
		names = append(names, small(v))
	}
	w.add(strings.Join(names, "|"))
}

func (w *writer) number(v uint64, enum []bit) {
	if i := slices.IndexFunc(enum, func(b bit) bool { return b.value == v }); i >= 0 {
		w.add(enum[i].name)
		return
	}
	w.add(small(v))
}

func small(v uint64) string {
	switch n := int64(v); {
	case n == unix.AT_FDCWD:
		return "AT_FDCWD"
	case n > -4096 && n < 1<<20:
		return strconv.FormatInt(n, 10)
	}
	return "0x" + strconv.FormatUint(v, 16)
}

func (w *writer) arg(a Arg) {
	switch a.Kind {
	case Immediate:
		w.add(small(a.Value))
	case Descriptor:
		w.fd(a.Value)
	case Result:
		w.add("$", strconv.FormatUint(a.Value+1, 10))
	case Vector:
		w.add("[")
		for i, s := range a.Memory.Strings {
			if i > 0 {
				w.add(" ")
			}
			w.add(strconv.Quote(s))
		}
		w.add("]")
	case Pointer:
		w.data(a.Memory)
	default:
		w.add("?")
	}
}

// data shows text as text, a little as hex, and of the rest a fingerprint.
func (w *writer) data(m *Memory) {
	if n := len(m.Data); n > 0 && len(m.Refs) == 0 && m.Data[n-1] == 0 && printable(string(m.Data[:n-1])) {
		w.add(strconv.Quote(string(m.Data[:n-1])))
		return
	}
	if len(m.Data) <= 64 {
		w.add("{", hex.EncodeToString(m.Data))
	} else {
		h := fnv.New32a()
		h.Write(m.Data)
		w.add("{", strconv.Itoa(len(m.Data)), " bytes ", hex.EncodeToString(h.Sum(nil)))
	}
	for _, r := range m.Refs {
		w.add(" @", strconv.Itoa(r.Offset), "=")
		w.arg(r.Arg)
	}
	w.add("}")
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\t'
	}) < 0
}
