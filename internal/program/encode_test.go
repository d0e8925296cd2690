package program

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestEncodeRefusesWhatAnExecutorCannotRun(t *testing.T) {
	ok := Step{Name: "ok", Call: syscall.SYS_GETPID}
	one := func(s Step) *Program {
		p := New()
		p.AddFd("x")
		p.Add(s)
		p.Add(ok)
		return p
	}
	arg := func(a Arg) Step { return Step{Name: "it", Args: [6]Arg{a}} }
	ref := func(r Ref) Step { return arg(Refer(make([]byte, 8), r)) }
	onErr := func(x ...OnErr) Step { return Step{Name: "it", OnErr: x} }
	cloned := func(c Clone) *Program {
		p := one(ok)
		p.Clone = c
		return p
	}
	for why, p := range map[string]*Program{
		"no steps":                         New(),
		"flags that are not namespaces":    cloned(Clone{Flags: syscall.CLONE_VM, Cgroup: -1, PidNS: -1}),
		"cgroup is not one":                cloned(Clone{Cgroup: 1, PidNS: -1}),
		"pid namespace is not one":         cloned(Clone{Cgroup: -1, PidNS: 1}),
		"more than three":                  one(onErr(OnErr{Errno: 1}, OnErr{Errno: 2}, OnErr{Errno: 3}, OnErr{Errno: 4})),
		"is not an errno":                  one(onErr(OnErr{Errno: 0})),
		"skip of an expected errno leaves": one(onErr(OnErr{Errno: 1, Skip: 1})),
		"skip of a success leaves":         one(Step{Name: "it", SkipOK: 1}),
		"a result of a step":               one(arg(Res(0))),
		"no such descriptor":               one(arg(Fd(1))),
		"unknown kind":                     one(arg(Arg{Kind: 99})),
		"nothing else has":                 one(arg(Arg{Kind: Immediate, Memory: &Memory{}})),
		"a pointer and a vector":           one(arg(Arg{Kind: Pointer})),
		"with a NUL":                       one(arg(Vec([]string{"a\x00b"}))),
		"outside its data":                 one(ref(Ref{Offset: 5, Arg: Fd(0)})),
		"wrong width":                      one(ref(Ref{Arg: Fd(0), Width: 2})),
		"of a wrong width":                 one(ref(Ref{Arg: Str("x"), Width: 4})),
		"of a step that has not run":       one(ref(Ref{Arg: Res(1)})),
	} {
		if _, err := p.Encode(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestAFailureReadsAsASentence(t *testing.T) {
	p := New()
	p.Add(Step{Name: "set the host name"})
	p.Add(Step{Name: "mask paths /proc/kcore"})
	for want, f := range map[string]*Failure{
		"step 2 of 2, mask paths /proc/kcore: invalid argument":                                  p.Fail(1, syscall.EINVAL),
		"step 1 of 2, set the host name: the process was killed before it could run its program": p.Fail(0, 0),
		"before step 1, clone the process: operation not permitted":                              p.Fail(-1, syscall.EPERM),
		"step 3 of 2, run a program: exec format error":                                          p.Fail(2, syscall.ENOEXEC),
		"step 4 of 9: no such file or directory":                                                 {Step: 3, Of: 9, Errno: syscall.ENOENT},
	} {
		if got := f.Error(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if !errors.Is(p.Fail(0, syscall.ENOENT), fs.ErrNotExist) {
		t.Error("the errno cannot be asked for")
	}
}
