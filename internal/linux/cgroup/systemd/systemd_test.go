//go:build linux

package systemd

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
)

func TestPathsAreReadAsRuncReadsThem(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"", "/system.slice/berth-ID.scope"},
		{"machine.slice:libpod:abc", "/machine.slice/libpod-abc.scope"},
		{":cri:abc", "/system.slice/cri-abc.scope"},
		{"a-b-c.slice::x", "/a.slice/a-b.slice/a-b-c.slice/x.scope"},
		{"-.slice:p:x", "/p-x.scope"},
		{"/a/b", "expected cgroupsPath"}, {"a:b", "expected cgroupsPath"},
		{"a:b:c", "invalid slice name"}, {"a--b.slice:b:c", "invalid slice name"}, {".slice:b:c", "invalid slice name"}, {"-a.slice:b:c", "invalid slice name"}, {"../x.slice:b:c", "invalid slice name"},
		{"a.slice:b:../c", "not a name"}, {"a.slice:b:c.slice", "not supported"}, {"a.slice:b:" + strings.Repeat("c", 300), "not a name"},
	} {
		u, err := Parse(c.path, "ID")
		got := fmt.Sprint(err)
		if err == nil {
			got = u.Group()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q: %s, want %s", c.path, got, c.want)
		}
		if err == nil && Of(got).Name != u.Name {
			t.Errorf("%s is not the group of %v", got, u)
		}
	}
}

func TestLimitsAreSaidInSystemdsWords(t *testing.T) {
	var values []cgroup.Value
	for _, line := range strings.Split("cpu.weight 100|cpu.max 25000 100000|cpu.max max 50000|cpu.max 1500 10000|memory.max 1048576|memory.swap.max max|memory.low 4096|memory.high 7|pids.max 12|io.weight default 200|cpuset.cpus 0-2,9|cpuset.mems 0|cpu.idle 1|hugetlb.2MB.max 5|rdma.max x", "|") {
		file, value, _ := strings.Cut(line, " ")
		values = append(values, cgroup.Value{File: file, Value: value})
	}
	got, err := Properties(values)
	if err != nil {
		t.Fatal(err)
	}
	const want = "CPUWeight=100 CPUQuotaPerSecUSec=250000 CPUQuotaPeriodUSec=100000 CPUQuotaPerSecUSec=18446744073709551615 CPUQuotaPeriodUSec=50000 " +
		"CPUQuotaPerSecUSec=150000 CPUQuotaPeriodUSec=10000 MemoryMax=1048576 MemorySwapMax=18446744073709551615 MemoryLow=4096 MemoryHigh=7 TasksMax=12 IOWeight=200 AllowedCPUs=[7 2] AllowedMemoryNodes=[1] CPUWeight=0"
	if text := show(got); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	for _, bad := range []cgroup.Value{{File: "cpu.max", Value: "x"}, {File: "cpu.max", Value: "1 0"}, {File: "pids.max", Value: "-5"}, {File: "cpuset.cpus", Value: "3-1"}, {File: "cpuset.cpus", Value: "99999"}} {
		if _, err := Properties([]cgroup.Value{bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func show(list []Property) string {
	var words []string
	for _, p := range list {
		words = append(words, fmt.Sprintf("%s=%v", p.Name, p.Value))
	}
	return strings.Join(words, " ")
}

func TestAnnotationsAreProperties(t *testing.T) {
	for text, want := range map[string]string{
		"'a b'": "P=a b", "true": "P=true", "5": "P=5", "uint32 6": "P=6", "uint64 7": "P=7", "": "", "x": "", "uint32 99999999999": "", "'a'b'": "", "int16 3": "",
	} {
		got, err := Annotated(&specs.Spec{Annotations: map[string]string{annotation + "P": text, "other": "x"}})
		if show(got) != want || (err != nil) != (want == "") {
			t.Errorf("%q: %s, %v", text, show(got), err)
		}
	}
	got, err := Annotated(&specs.Spec{Annotations: map[string]string{annotation + "TimeoutStopSec": "uint64 3"}})
	if err != nil || show(got) != "TimeoutStopUSec=3000000" {
		t.Error(show(got), err)
	}
}

// answer is a message of the manager's.
func answer(kind byte, serial, replyTo uint32, member string, body ...any) []byte {
	b := call{path: "/p", iface: "i", member: member, arguments: body}.encode(serial)
	if kind == kindSignal {
		b[1] = kind
		return b
	}
	// A return has the serial of the call; the same bytes with another field.
	e := &encoder{b: []byte{'l', kind, 0, 1}}
	inner := &encoder{}
	var sig Signature
	for _, v := range body {
		sig += signature(v)
		inner.value(v)
	}
	e.u32(uint32(len(inner.b)))
	e.u32(serial)
	fields := []any{replyTo, sig}
	e.array(8, 3, func(i int) {
		e.align(8)
		switch i {
		case 0:
			e.b = append(e.b, fieldReplySerial)
			e.variant(fields[0])
		case 1:
			e.b = append(e.b, fieldSignature)
			e.variant(fields[1])
		default:
			e.b = append(e.b, fieldErrorName)
			e.variant(member)
		}
	})
	e.align(8)
	return append(e.b, inner.b...)
}

// fakeManager answers one connection's calls.
func fakeManager(t *testing.T, answers func(m message, serial uint32) []byte) Manager {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(conn)
			if line, _ := r.ReadString('\n'); !strings.HasPrefix(line, "\x00AUTH EXTERNAL 3") {
				fmt.Fprint(conn, "REJECTED EXTERNAL\r\n")
			}
			fmt.Fprint(conn, "OK 1234\r\n")
			_, _ = r.ReadString('\n')
			for serial := uint32(1); ; serial++ {
				m, err := read(r)
				if err != nil {
					break
				}
				if _, err := conn.Write(answers(m, serial)); err != nil {
					break
				}
			}
			conn.Close()
		}
	}()
	return Manager{socket: socket}
}

func TestAUnitIsThereWhenItsJobIsDone(t *testing.T) {
	u := Unit{"system.slice", "berth-x.scope"}
	for name, c := range map[string]struct {
		result, want string
		early        bool
	}{"done": {"done", "", false}, "done before the answer": {"done", "", true}, "failed": {"failed", `ended as "failed"`, false}} {
		var calls []string
		m := fakeManager(t, func(m message, serial uint32) []byte {
			calls = append(calls, m.member+" "+m.sig+" "+m.text(0))
			if m.member == "Subscribe" {
				return answer(kindError, serial, serial, managerName+".AlreadySubscribed", "you are")
			}
			other := answer(kindSignal, 90, 0, "JobRemoved", uint32(1), Path("/job/1"), "other.service", "failed")
			removed := answer(kindSignal, 91, 0, "JobRemoved", uint32(2), Path("/job/2"), u.Name, c.result)
			reply := answer(kindReturn, serial, serial, "", Path("/job/2"))
			if c.early {
				return slices.Concat(other, removed, reply)
			}
			return slices.Concat(other, reply, other, removed)
		})
		err := m.Start(t.Context(), u, 7, []Property{{"TasksMax", uint64(5)}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if want := []string{"Subscribe  ", "StartTransientUnit ssa(sv)a(sa(sv)) berth-x.scope"}; !slices.Equal(calls, want) {
			t.Errorf("%s: %q", name, calls)
		}
	}
}

func TestTheManagersErrorsHaveKinds(t *testing.T) {
	for name, kind := range map[string]fault.Kind{".UnitExists": fault.Conflict, ".NoSuchUnit": fault.NotFound, ".Other": fault.Invalid} {
		m := fakeManager(t, func(m message, serial uint32) []byte {
			if m.member == "Subscribe" {
				return answer(kindReturn, serial, serial, "")
			}
			return answer(kindError, serial, serial, managerName+name, "because")
		})
		err := m.Start(t.Context(), Unit{"a.slice", "b.scope"}, 7, nil)
		if !fault.Is(err, kind) || !strings.Contains(err.Error(), "because") {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.Stop(t.Context(), Unit{"a.slice", "b.scope"}); (kind == fault.NotFound) != (err == nil) {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
	err := Manager{socket: "/nonexistent"}.Start(t.Context(), Unit{"a.slice", "b.scope"}, 7, nil)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "systemd does not run here") {
		t.Error(err)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(answer(kindReturn, 1, 1, "", Path("/job")))
	f.Add(answer(kindSignal, 1, 0, "JobRemoved", uint32(2), Path("/job/2"), "x", "done"))
	f.Add(call{path: "/o", iface: "i", member: "m", arguments: []any{[]Property{{"a", []Pair{{"b", "c"}}}, {"d", []byte{1}}}}}.encode(3))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := read(bytes.NewReader(b))
		if err != nil {
			return
		}
		for i := range m.sig {
			m.text(i)
		}
	})
}
