package seccomp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// libseccomp builds the program that asks libseccomp, if it is installed. The
// function that it returns takes the names out of a profile that the library does not know.
func libseccomp(t *testing.T) func(*specs.LinuxSeccomp) Filter {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the profiles are amd64's")
	}
	tool := filepath.Join(t.TempDir(), "libseccomp")
	if out, err := exec.Command("cc", "-o", tool, "testdata/libseccomp.c", "-lseccomp").CombinedOutput(); err != nil {
		t.Skipf("libseccomp-dev or a C compiler is not installed: %s", out)
	}
	return func(p *specs.LinuxSeccomp) Filter {
		t.Helper()
		cmd := exec.Command(tool)
		cmd.Stdin = strings.NewReader(asRules(t, p))
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, errs.String(), asRules(t, p))
		}
		unknown := strings.Fields(errs.String())
		for i := range p.Syscalls {
			p.Syscalls[i].Names = slices.DeleteFunc(p.Syscalls[i].Names, func(n string) bool { return slices.Contains(unknown, n) })
		}
		return Filter{Bytes: out}
	}
}

// asRules writes a profile as runc hands it to libseccomp.
func asRules(t *testing.T, p *specs.LinuxSeccomp) string {
	t.Helper()
	var b strings.Builder
	number := func(a specs.LinuxSeccompAction, errno *uint) uint32 {
		v, err := verdict(a, errno)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	def := number(p.DefaultAction, p.DefaultErrnoRet)
	fmt.Fprintf(&b, "default %d\n", def)
	for _, a := range p.Architectures {
		if name := map[specs.Arch]string{specs.ArchX86: "x86", specs.ArchX32: "x32"}[a]; name != "" {
			fmt.Fprintf(&b, "arch %s\n", name)
		}
	}
	ops := []specs.LinuxSeccompOperator{"", specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual}
	for _, s := range p.Syscalls {
		action := number(s.Action, s.ErrnoRet)
		if action == def {
			continue
		}
		for _, name := range s.Names {
			fmt.Fprintf(&b, "rule %d %s %d", action, name, len(s.Args))
			for _, a := range s.Args {
				fmt.Fprintf(&b, " %d %d %d %d", a.Index, slices.Index(ops, a.Op), a.Value, a.ValueTwo)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// agree asks both filters about every call and about interesting arguments.
func agree(t *testing.T, p *specs.LinuxSeccomp, theirs Filter) {
	t.Helper()
	ours, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	vals := values(p, 12)
	bad := 0
	ask := func(k packet) {
		if k.arch == 0xc000003e && k.nr >= x32Bit && !slices.Contains(p.Architectures, specs.ArchX32) {
			return // ours get ENOSYS when that is the default: see refuseX32
		}
		if a, b := run(t, ours, k), run(t, theirs, k); a != b && bad < 5 {
			bad++
			t.Errorf("arch %#x, call %#x, arguments %#x: we say %#x, libseccomp %#x\n%s", k.arch, k.nr, k.args, a, b, asRules(t, p))
		}
	}
	for _, arch := range []uint32{0xc000003e, 0x40000003, 0xc00000b7} {
		for _, nr := range numbersOf() {
			ask(packet{nr: nr, arch: arch})
		}
	}
	for _, s := range p.Syscalls {
		if len(s.Args) == 0 {
			continue
		}
		for _, name := range s.Names {
			for _, a := range abis("amd64") {
				nr, ok := a.number(name)
				if !ok {
					continue
				}
				for range 200 {
					k := packet{nr: nr, arch: a.audit}
					for i := range k.args {
						k.args[i] = vals[rand.IntN(len(vals))]
					}
					ask(k)
				}
			}
		}
	}
}

func TestVerdictsAreThoseOfLibseccomp(t *testing.T) {
	theirs := libseccomp(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		p := anyProfile(r)
		agree(t, p, theirs(p))
	}
}

func TestTheDefaultProfileIsJudgedAsByLibseccomp(t *testing.T) {
	theirs := libseccomp(t)
	p, err := Default(dockerCaps)
	if err != nil {
		t.Fatal(err)
	}
	// What runc adds for calls newer than the profile is not libseccomp's.
	enosys := uint(unix.ENOSYS)
	p.DefaultErrnoRet = &enosys
	agree(t, p, theirs(p))
}

// anyProfile uses what profiles may have, on calls that every version knows,
// with one rule for each: what the library makes of several that overlap is an
// accident of its tree (it even refuses "a != 2 and c <= 5, or a != 255 and c > 16"
// of a = 2 and c = 3).
func anyProfile(r *rand.Rand) *specs.LinuxSeccomp {
	names := []string{"read", "personality", "clone", "socket", "ioctl", "kill", "semop", "shmat", "connect", "mmap", "prctl", "waitpid", "getdents64"}
	pick := func(n int) int { return r.IntN(n) }
	actions := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActKillProcess, specs.ActTrap, specs.ActLog, specs.ActTrace, specs.ActNotify}
	enosys := uint(unix.ENOSYS)
	p := &specs.LinuxSeccomp{
		DefaultAction: []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActLog}[pick(3)], DefaultErrnoRet: &enosys, ListenerPath: "/x",
		Architectures: [][]specs.Arch{nil, {specs.ArchX86_64}, {specs.ArchX86_64, specs.ArchX86}, {specs.ArchX86_64, specs.ArchX86, specs.ArchX32}}[pick(4)],
	}
	ops := []specs.LinuxSeccompOperator{specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual}
	used := map[int]bool{}
	shift, errno := pick(len(actions)), uint(1+pick(100))
	vals := []uint64{0, 1, 2, 16, 0xff, 0x7fffffff, 0x80000000, 1 << 32, 1<<32 | 5}
	for range 1 + pick(9) {
		call := pick(len(names))
		if used[call] {
			continue
		}
		used[call] = true
		s := specs.LinuxSyscall{Names: names[call : call+1], Action: actions[(shift+call)%len(actions)], ErrnoRet: &errno}
		for index := range 3 {
			if pick(3) == 0 {
				s.Args = append(s.Args, specs.LinuxSeccompArg{Index: uint(index), Op: ops[pick(len(ops))], Value: vals[pick(len(vals))], ValueTwo: vals[pick(len(vals))]})
			}
		}
		p.Syscalls = append(p.Syscalls, s)
	}
	return p
}
