//go:build linux

package runtime

import (
	"strconv"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// Preserve is the name of a descriptor that becomes number 3+i of the program.
func Preserve(i int) string { return "preserve" + strconv.Itoa(i) }

// Tree is the name of a detached mount that the caller has prepared for
// spec.Mounts[i]: a bind's source, an id-mapped tree, a tmpfs that tmpcopyup has filled.
// What mount_setattr(2) can set of the mount's options is still the program's to do.
func Tree(i int) string { return "tree" + strconv.Itoa(i) }

// firstOther is the first descriptor that the program does not get.
func (p *process) firstOther() int {
	n := 0
	for p.has(Preserve(n)) {
		n++
	}
	return 3 + n
}

// preserve puts descriptors in their places. Something may have the places
// already: what is still needed, the executor's pipe among it, moves away first.
func (p *process) preserve() {
	end := p.firstOther()
	if end == 3 {
		return
	}
	move := func(name, why string, fd program.Arg) int {
		return p.add(name, why, unix.SYS_FCNTL, fd, program.Imm(unix.F_DUPFD_CLOEXEC), program.Imm(uint64(end)))
	}
	p.places = map[string]int{}
	for _, name := range []string{FdSync, FdStart} {
		if p.has(name) {
			p.places[name] = move("move "+name, "its number may be one that the program wants", p.need(name))
		}
	}
	from := make([]int, end-3)
	for i := range from {
		from[i] = move("move "+Preserve(i), "its number may be another's place", p.need(Preserve(i)))
	}
	for i := range from {
		move("keep what "+strconv.Itoa(3+i)+" is", "it may be the pipe that tells when the program runs", program.Imm(uint64(3+i)))
		p.tolerate(unix.EBADF)
	}
	for i, step := range from {
		p.add("put "+Preserve(i)+" on "+strconv.Itoa(3+i), "the program finds it there", unix.SYS_DUP3, program.Res(step), program.Imm(uint64(3+i)), program.Imm(0))
	}
}

// moved is a descriptor after preserve.
func (p *process) moved(name string) program.Arg {
	if step, ok := p.places[name]; ok {
		return program.Res(step)
	}
	return p.need(name)
}
