//go:build linux

package program

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// namespaces are the only clone flags that a program may ask for: anything
// else (CLONE_VM above all) would let the child reach into its parent.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUSER |
	syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | 0x02000000 /* NEWCGROUP */ | 0x80 /* NEWTIME */

// usualData is about what a container's program has of data, in bytes.
const usualData = 16 << 10

// Encode checks the program and returns the flat form that executors take
// (see the layout constants). Names and reasons are not part of it. An error
// is a defect of whoever made the program.
func (p *Program) Encode() ([]byte, error) {
	if err := p.checkClone(); err != nil {
		return nil, err
	}
	e := &encoder{p: p, first: make([]int, len(p.Steps)+1), places: make(map[slice]int, len(p.Steps))}
	for i := range p.Steps {
		stores := 0
		for _, a := range p.Steps[i].Args {
			stores += countStores(a)
		}
		e.first[i+1] = e.first[i] + stores + 1
	}
	e.ops = make([]byte, 0, e.opsSize())
	e.data = make([]byte, 0, usualData)
	e.relocs = make([]reloc, 0, 2*len(p.Steps))
	for i := range p.Steps {
		if err := e.step(i); err != nil {
			return nil, errors.New("step " + strconv.Itoa(i+1) + ", " + p.Steps[i].Name + ": " + err.Error())
		}
	}
	return e.bytes(), nil
}

func (p *Program) checkClone() error {
	c := p.Clone
	switch {
	case c.Flags&^namespaces != 0:
		return errors.New("the clone has flags that are not namespaces: 0x" + strconv.FormatUint(c.Flags, 16))
	case c.Cgroup < -1 || c.Cgroup >= len(p.Fds):
		return errors.New("the clone's cgroup is not one of the descriptors")
	case c.PidNS < -1 || c.PidNS >= len(p.Fds):
		return errors.New("the clone's pid namespace is not one of the descriptors")
	case len(p.Steps) == 0:
		return errors.New("the program has no steps")
	}
	births := 0
	for i := range p.Steps {
		if p.Steps[i].Call == Birth {
			births++
		}
	}
	if births > 1 {
		return errors.New("the program has more than one birth")
	}
	return nil
}

// countStores counts the results that go into an argument's data: each is an
// op of its own in front of the step.
func countStores(a Arg) int {
	n := 0
	if a.Memory == nil {
		return n
	}
	for _, r := range a.Memory.Refs {
		if r.Arg.Kind == Result {
			n++
		}
		n += countStores(r.Arg)
	}
	return n
}

type reloc struct {
	where       int // offset in the body
	kind, width uint16
	value       uint64
}

type encoder struct {
	p      *Program
	first  []int // step's first op
	ops    []byte
	data   []byte
	relocs []reloc
	places map[slice]int // where in data a slice already is
}

func (e *encoder) opsSize() int            { return e.first[len(e.p.Steps)] * OpSize }
func (e *encoder) resultCell(step int) int { return (e.first[step+1]-1)*OpSize + resultAt }

func (e *encoder) step(i int) error {
	s := &e.p.Steps[i]
	o := op{call: uint64(s.Call), step: uint32(i)}
	if s.Call == syscall.SYS_EXECVE || s.Call == sysExecveat {
		o.flags = FlagExec
	}
	if err := e.skips(i, &o); err != nil {
		return err
	}
	at := (e.first[i+1] - 1) * OpSize // stores come before it
	for k, a := range s.Args {
		if err := e.arg(i, a, place{at + argsAt + 8*k, 8}, &o.args[k]); err != nil {
			return err
		}
		if a.Kind == Result {
			o.indirect |= 1 << k
		}
	}
	if s.Call == Birth {
		o.args[0] = BirthFlags
	}
	e.ops = o.append(e.ops)
	return nil
}

func (e *encoder) skips(i int, o *op) error {
	s := &e.p.Steps[i]
	if len(s.OnErr) > len(o.onErr) {
		return errors.New("more than three expected errnos")
	}
	for k, x := range s.OnErr {
		if x.Errno <= 0 || x.Errno > 4095 {
			return errors.New("an expected errno is not an errno")
		}
		if x.Skip < 0 || i+1+x.Skip >= len(e.p.Steps) {
			return errors.New("the skip of an expected errno leaves the program")
		}
		o.onErr[k] = [2]uint32{uint32(x.Errno), uint32(e.first[i+1+x.Skip] - e.first[i+1])}
	}
	if s.SkipOK < 0 || s.SkipOK > 0 && i+1+s.SkipOK >= len(e.p.Steps) {
		return errors.New("the skip of a success leaves the program")
	}
	o.skipOK = uint32(e.first[i+1+s.SkipOK] - e.first[i+1])
	return nil
}

// place is a field of the body that is to hold an argument's value.
type place struct{ where, width int }

// arg makes the body hold a's value at the place: now in *value, or when loaded.
func (e *encoder) arg(step int, a Arg, at place, value *uint64) error {
	if memory := a.Kind == Pointer || a.Kind == Vector; memory != (a.Memory != nil) {
		return errors.New("a pointer and a vector have memory, and nothing else has")
	}
	var target int
	var err error
	switch a.Kind {
	case Immediate:
		*value = a.Value
		return nil
	case Descriptor:
		if a.Value >= uint64(len(e.p.Fds)) {
			return errors.New("no such descriptor")
		}
		e.relocs = append(e.relocs, reloc{at.where, RelocDescriptor, uint16(at.width), a.Value})
		return nil
	case Result:
		if a.Value >= uint64(step) {
			return errors.New("a result of a step that has not run")
		}
		target = e.resultCell(int(a.Value))
	case Pointer:
		target, err = e.pointer(step, a.Memory)
	case Vector:
		target, err = e.vector(a.Memory.Strings)
	default:
		err = errors.New("an argument of an unknown kind")
	}
	e.relocs = append(e.relocs, reloc{at.where, RelocAddress, 8, uint64(target)})
	return err
}

// pointer places m's data and fills its references; it returns its offset in the body.
func (e *encoder) pointer(step int, m *Memory) (int, error) {
	off := e.place(m.Data)
	for _, r := range m.Refs {
		width, err := r.width(len(m.Data))
		if err != nil {
			return 0, err
		}
		if r.Arg.Kind == Result {
			if r.Arg.Value >= uint64(step) {
				return 0, errors.New("a result of a step that has not run")
			}
			e.store(step, e.opsSize()+off+r.Offset, r.Arg, width)
			continue
		}
		var now uint64
		if err := e.arg(step, r.Arg, place{e.opsSize() + off + r.Offset, width}, &now); err != nil {
			return 0, err
		}
		if r.Arg.Kind == Immediate {
			copy(e.data[off+r.Offset:][:width], put64(nil, now))
		}
	}
	return e.opsSize() + off, nil
}

func (r Ref) width(size int) (int, error) {
	width, address := r.Width, r.Arg.Kind == Pointer || r.Arg.Kind == Vector
	switch {
	case width == 0 && address:
		width = 8
	case width == 0:
		width = 4
	case width != 8 && (width != 4 || address):
		return 0, errors.New("a reference of a wrong width")
	}
	if r.Offset < 0 || r.Offset+width > size {
		return 0, errors.New("a reference outside its data")
	}
	return width, nil
}

// store emits the op that copies an earlier result to a place in the data.
func (e *encoder) store(step, to int, result Arg, width int) {
	at := len(e.ops)
	o := op{call: CallStore, step: uint32(step), indirect: 1 << 1}
	o.args[2] = uint64(width)
	e.relocs = append(e.relocs,
		reloc{at + argsAt, RelocAddress, 8, uint64(to)},
		reloc{at + argsAt + 8, RelocAddress, 8, uint64(e.resultCell(int(result.Value)))})
	e.ops = o.append(e.ops)
}

// place puts b into the data, 8 byte aligned, once for each slice.
func (e *encoder) place(b []byte) int {
	e.align()
	off := len(e.data)
	if len(b) == 0 {
		e.data = append(e.data, 0) // nothing, but of its own
		return off
	}
	key := slice{&b[0], len(b)}
	if off, ok := e.places[key]; ok {
		return off
	}
	e.places[key] = off
	e.data = append(e.data, b...)
	return off
}

// slice is the identity of a slice.
type slice struct {
	first *byte
	size  int
}

func (e *encoder) align() {
	for len(e.data)&7 != 0 {
		e.data = append(e.data, 0)
	}
}

func (e *encoder) vector(list []string) (int, error) {
	e.align()
	off := len(e.data)
	e.data = append(e.data, make([]byte, 8*(len(list)+1))...)
	for i, s := range list {
		if strings.IndexByte(s, 0) >= 0 {
			return 0, errors.New("a string with a NUL in it")
		}
		where := e.opsSize() + off + 8*i
		e.relocs = append(e.relocs, reloc{where, RelocAddress, 8, uint64(e.opsSize() + len(e.data))})
		e.data = append(append(e.data, s...), 0)
	}
	return e.opsSize() + off, nil
}

func (e *encoder) bytes() []byte {
	e.align()
	b := make([]byte, 0, HeaderSize+len(e.ops)+len(e.data)+RelocSize*len(e.relocs))
	b = put32(put32(b, Magic), Version)
	b = put64(b, e.p.Clone.Flags)
	for _, n := range []int{
		e.p.Clone.Cgroup, e.p.Clone.PidNS, len(e.p.Steps), len(e.ops) / OpSize,
		len(e.data), len(e.relocs), len(e.p.Fds), 0,
	} {
		b = put32(b, uint32(n))
	}
	b = append(append(b, e.ops...), e.data...)
	for _, r := range e.relocs {
		b = put32(b, uint32(r.where))
		b = put32(b, uint32(r.kind)|uint32(r.width)<<16)
		b = put64(b, r.value)
	}
	return b
}

// op is one entry of the table, see layout.go.
type op struct {
	call                          uint64
	args                          [6]uint64
	indirect, skipOK, step, flags uint32
	onErr                         [3][2]uint32
}

func (o *op) append(b []byte) []byte {
	b = put64(b, o.call)
	for _, a := range o.args {
		b = put64(b, a)
	}
	for _, v := range []uint32{o.indirect, o.skipOK, o.step, o.flags} {
		b = put32(b, v)
	}
	for _, x := range o.onErr {
		b = put32(put32(b, x[0]), x[1])
	}
	return put64(b, ^uint64(0))
}
