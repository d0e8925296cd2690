package seccomp

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// dockerCaps are the capabilities that a container has unless told otherwise.
var dockerCaps = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"}

// numbersOf are call numbers worth asking about: all small ones on either side of bit
// 30, ARM's private ones, and the edges.
func numbersOf() []uint32 {
	var out []uint32
	for n := uint32(0); n < 560; n++ {
		out = append(out, n, n|x32Bit, n|armPrivate)
	}
	return append(out, 0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff)
}

// values are arguments around everything that the profile compares with.
func values(p *specs.LinuxSeccomp, limit int) []uint64 {
	seen := map[uint64]bool{0: true, 1: true, 1 << 32: true, ^uint64(0): true}
	for _, s := range p.Syscalls {
		for _, a := range s.Args {
			for _, v := range []uint64{a.Value, a.ValueTwo} {
				for _, w := range []uint64{v - 1, v, v + 1, v | 1<<32, v ^ 1<<31, v &^ 0xffffffff, v << 32} {
					seen[w] = true
				}
			}
		}
	}
	var out []uint64
	for v := range seen {
		out = append(out, v)
	}
	slices.Sort(out)
	r := rand.New(rand.NewPCG(3, 4))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), limit)]
}

// compare checks a compiled profile against the oracle on every number.
func compare(t *testing.T, p *specs.LinuxSeccomp, goarch string, limit int) Filter {
	t.Helper()
	f, err := compile(p, goarch)
	if err != nil {
		t.Fatal(err)
	}
	o := newOracle(p, goarch)
	vals := values(p, limit)
	audits := []uint32{0, 0xc0000015}
	for _, a := range abis(goarch) {
		audits = append(audits, a.audit)
	}
	for _, audit := range audits {
		for _, nr := range numbersOf() {
			plain := !o.touches(nr)
			for i := range vals {
				pk := packet{nr: nr, arch: audit}
				for j := range pk.args {
					pk.args[j] = vals[(i+j)%len(vals)]
				}
				got, want := run(t, f, pk), o.verdict(pk)
				if got != want {
					t.Fatalf("%s: %+v gets %#x, want %#x", goarch, pk, got, want)
				}
				if plain && i > 1 {
					break
				}
			}
		}
	}
	return f
}

func TestTheDefaultProfileCompiledDecidesAsItsRulesSay(t *testing.T) {
	for _, caps := range [][]string{nil, dockerCaps, append([]string{"CAP_SYS_ADMIN", "CAP_BPF"}, dockerCaps...)} {
		p, err := Default(caps)
		if err != nil {
			t.Fatal(err)
		}
		// The module resolves a profile for the machine it runs on only; the
		// rules are near enough the same to stand in for arm64's.
		for _, goarch := range []string{"amd64", "arm64"} {
			q := *p
			q.Architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32, specs.ArchAARCH64, specs.ArchARM}
			f := compare(t, &q, goarch, 1000)
			t.Logf("%s, %d capabilities: %d instructions", goarch, len(caps), f.Len())
		}
	}
}

func TestOnlyTheNativeArchitectureIsLetInWhenAProfileNamesNone(t *testing.T) {
	for _, def := range []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno} {
		p := &specs.LinuxSeccomp{DefaultAction: def, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"mount", "umount2"}, Action: specs.ActTrap}, {Names: []string{"read"}, Action: specs.ActLog}}}
		f := compareNative(t, p)
		for _, pk := range []packet{{nr: 3, arch: 0x40000003}, {nr: x32Bit, arch: 0xc000003e}} {
			got := run(t, f, pk)
			if def == specs.ActAllow && got != retKillThread {
				t.Errorf("%+v gets %#x, want it killed", pk, got)
			}
		}
	}
}

// compareNative is compare where x32 is a foreign architecture with ENOSYS before it.
func compareNative(t *testing.T, p *specs.LinuxSeccomp) Filter {
	t.Helper()
	f, err := compile(p, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	o := newOracle(p, "amd64")
	for nr := range uint32(1000) {
		pk := packet{nr: nr, arch: 0xc000003e}
		if got, want := run(t, f, pk), o.verdict(pk); got != want {
			t.Fatalf("%+v gets %#x, want %#x", pk, got, want)
		}
	}
	return f
}

func TestRandomProfilesDecideAsTheirRulesSay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 12 {
		p := randomProfile(r)
		goarch := []string{"amd64", "arm64"}[i%2]
		t.Run(fmt.Sprint(i), func(t *testing.T) { compare(t, p, goarch, 30) })
	}
}

func randomProfile(r *rand.Rand) *specs.LinuxSeccomp {
	actions := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActTrace, specs.ActLog}
	ops := []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual}
	p := &specs.LinuxSeccomp{DefaultAction: actions[r.IntN(len(actions))],
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32, specs.ArchARM}}
	for range r.IntN(40) {
		s := specs.LinuxSyscall{Action: actions[r.IntN(len(actions))]}
		if r.IntN(2) == 0 {
			errno := uint(r.IntN(100))
			s.ErrnoRet = &errno
		}
		for range 1 + r.IntN(12) {
			s.Names = append(s.Names, table[r.IntN(len(table))].name)
		}
		for range r.IntN(4) {
			s.Args = append(s.Args, specs.LinuxSeccompArg{Index: uint(r.IntN(6)), Value: r.Uint64() >> r.IntN(64), ValueTwo: r.Uint64() >> r.IntN(64), Op: ops[r.IntN(len(ops))]})
		}
		p.Syscalls = append(p.Syscalls, s)
	}
	return p
}

func TestAProfileThatMakesNoSenseIsRefused(t *testing.T) {
	big := uint(70000)
	allow := specs.ActAllow
	for name, p := range map[string]*specs.LinuxSeccomp{
		"action":   {DefaultAction: "SCMP_ACT_SHRUG"},
		"arch":     {DefaultAction: allow, Architectures: []specs.Arch{"SCMP_ARCH_PDP11"}},
		"flag":     {DefaultAction: allow, Flags: []specs.LinuxSeccompFlag{"FAST"}},
		"errno":    {DefaultAction: specs.ActErrno, DefaultErrnoRet: &big},
		"index":    {DefaultAction: allow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}}},
		"operator": {DefaultAction: allow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: "~"}}}}},
	} {
		if _, err := Compile(p); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]*specs.LinuxSeccomp{
		"by default": {DefaultAction: specs.ActNotify, ListenerPath: "/x"},
		"of sendmsg": {DefaultAction: allow, ListenerPath: "/x", Syscalls: []specs.LinuxSyscall{{Names: []string{"sendmsg"}, Action: specs.ActNotify}}},
		"to nobody":  {DefaultAction: allow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}}},
	} {
		if _, err := Compile(p); !fault.Is(err, fault.Invalid) {
			t.Errorf("a notification %s: %v", name, err)
		}
	}
}

func TestATooLargeProfileIsRefused(t *testing.T) {
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	for i := range 2000 {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: uint64(i), Op: specs.OpEqualTo}}})
	}
	if _, err := Compile(p); !fault.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
}

func TestAnEmptyProfileMeansNoFilter(t *testing.T) {
	p, err := Load("{}", nil)
	if err != nil || p != nil {
		t.Fatal(p, err)
	}
	f, err := Compile(p)
	if err != nil || f.Len() != 0 {
		t.Fatal(f, err)
	}
}

func TestACacheGivesTheSameBytesForTheSameCapabilities(t *testing.T) {
	var c Cache
	a, err := c.Filter("", []string{"CAP_CHOWN", "CAP_KILL"})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := c.Filter("", []string{"CAP_KILL", "CAP_CHOWN"})
	if &a.Bytes[0] != &b.Bytes[0] {
		t.Error("the order of the capabilities made a new filter")
	}
	for i := range 3 * maxCached {
		if _, err := c.Filter(fmt.Sprintf(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":%d}`, i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.filters) > maxCached {
		t.Errorf("the cache holds %d filters", len(c.filters))
	}
	if _, err := c.Filter("{", nil); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func FuzzLoadNeverPanicsAndWhatItTakesCompilesOrIsRefused(f *testing.F) {
	f.Add(`{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X32"]}],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":2,"op":"SCMP_CMP_MASKED_EQ"}]}]}`)
	f.Add(`{"syscalls":[null]}`)
	f.Add(`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"kill","includes":{"minKernel":"4.8","caps":["CAP_KILL"]}}]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, body string) {
		p, err := Load(body, dockerCaps)
		if err != nil {
			return
		}
		filter, err := Compile(p)
		if err == nil && p != nil {
			run(t, filter, packet{nr: 1, arch: 0xc000003e})
		}
	})
}

func BenchmarkCompileDefault(b *testing.B) {
	p, err := Default(dockerCaps)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Compile(p); err != nil {
			b.Fatal(err)
		}
	}
}
