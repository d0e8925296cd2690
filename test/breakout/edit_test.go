//go:build linux

package breakout

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// These take defences out of a program. Each fails the test when there is no
// such step: a defence that has been renamed would otherwise seem to be out.

// find returns the steps whose names begin with any of the prefixes.
func find(t *testing.T, p *program.Program, prefixes ...string) []int {
	t.Helper()
	var found []int
	for _, prefix := range prefixes {
		before := len(found)
		for i := range p.Steps {
			if strings.HasPrefix(p.Steps[i].Name, prefix) {
				found = append(found, i)
			}
		}
		if len(found) == before {
			t.Fatalf("the program has no step %q:\n%s", prefix, p.Text())
		}
	}
	return found
}

// disarm has steps do nothing.
func disarm(t *testing.T, p *program.Program, prefixes ...string) {
	t.Helper()
	for _, i := range find(t, p, prefixes...) {
		s := &p.Steps[i]
		s.Call, s.OnErr, s.Args = unix.SYS_GETPID, nil, [6]program.Arg{}
	}
}

// relax has steps that open a path resolve it as open(2) does: through
// symbolic links, also those of /proc, to wherever they lead.
func relax(t *testing.T, p *program.Program, prefixes ...string) {
	t.Helper()
	done := 0
	for _, i := range find(t, p, prefixes...) {
		s := &p.Steps[i]
		if s.Call != unix.SYS_OPENAT2 {
			continue
		}
		how := append([]byte(nil), s.Args[2].Memory.Data...)
		binary.NativeEndian.PutUint64(how[16:], 0)
		s.Args[2] = program.Bytes(how)
		done++
	}
	if done == 0 {
		t.Fatalf("no step %q opens a path", prefixes)
	}
}

// insert puts steps in front of the first step whose name begins with prefix.
func insert(t *testing.T, p *program.Program, prefix string, steps ...program.Step) {
	t.Helper()
	insertAt(p, find(t, p, prefix)[0], steps...)
}

func insertAt(p *program.Program, at int, steps ...program.Step) {
	n := len(steps)
	moved := map[*program.Memory]bool{}
	var move func(a *program.Arg)
	move = func(a *program.Arg) {
		if a.Kind == program.Result && a.Value >= uint64(at) {
			a.Value += uint64(n)
		}
		if a.Memory == nil || moved[a.Memory] {
			return
		}
		moved[a.Memory] = true
		for k := range a.Memory.Refs {
			move(&a.Memory.Refs[k].Arg)
		}
	}
	over := func(i, skip int) int {
		if i < at && i+1+skip > at {
			skip += n
		}
		return skip
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		for k := range s.Args {
			move(&s.Args[k])
		}
		for k := range s.OnErr {
			s.OnErr[k].Skip = over(i, s.OnErr[k].Skip)
		}
		s.SkipOK = over(i, s.SkipOK)
	}
	p.Steps = append(p.Steps[:at:at], append(append([]program.Step(nil), steps...), p.Steps[at:]...)...)
}

// call is a step of a test's.
func call(name string, number uintptr, args ...program.Arg) program.Step {
	s := program.Step{Name: name, Why: "the test wants it", Call: number}
	copy(s.Args[:], args)
	return s
}

// unconfined takes out what refuses system calls: the filter and the bounds of
// the capabilities.
func unconfined(t *testing.T, p *program.Program) {
	t.Helper()
	disarm(t, p, "load the seccomp filter")
	for _, i := range find(t, p, "drop ") {
		if strings.HasSuffix(p.Steps[i].Name, " for good") {
			disarm(t, p, p.Steps[i].Name)
		}
	}
}
