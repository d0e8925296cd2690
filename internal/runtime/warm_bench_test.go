//go:build linux

package runtime_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/internal/launch"
	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

// BenchmarkStart measures what stands between a compiled program and its execve: of a
// container started at once, of the sandbox's part and of the rest, one after the
// other and after an idle spell, which hot loops hide.
func BenchmarkStart(b *testing.B) {
	for _, idle := range []time.Duration{0, 150 * time.Millisecond} {
		for _, kind := range []string{"cold", "warm"} {
			b.Run(kind+"/idle="+idle.String(), func(b *testing.B) {
				var park, start []time.Duration
				for b.Loop() {
					one := newStart(b)
					if kind == "warm" {
						park = append(park, one.park())
					}
					time.Sleep(idle)
					start = append(start, one.start())
					one.end()
				}
				report(b, "park", park)
				report(b, "start", start)
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func report(b *testing.B, what string, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	at := func(percent int) float64 { return float64(took[(len(took)-1)*percent/100].Microseconds()) }
	b.ReportMetric(at(50), what+"-p50-µs")
	b.ReportMetric(at(99), what+"-p99-µs")
}

// timed is one start with everything but itself prepared.
type timed struct {
	box   *box
	waits launch.Parked
	child launch.Child
	code  []byte
	fds   []int
}

func newStart(b *testing.B) *timed {
	box := newBox(b, "exit 0")
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	box.must(err)
	box.give(runtime.FdStdin, null)
	box.give(runtime.FdStdout, null)
	box.give(runtime.FdStderr, null)
	box.give(runtime.FdRootfs, box.root())
	box.in.Seccomp, err = seccomp.Compile(box.spec.Linux.Seccomp)
	box.must(err)
	t := &timed{box: box}
	p, err := runtime.Compile(box.spec, box.in)
	box.must(err)
	t.code, err = p.Encode()
	box.must(err)
	for _, name := range p.Fds {
		t.fds = append(t.fds, int(box.fds[name].Fd()))
	}
	return t
}

// park makes the sandbox and the program of the rest.
func (t *timed) park() time.Duration {
	b := t.box
	parked := sandboxOf(b.spec)
	p, err := runtime.CompilePark(parked, runtime.Inputs{Staging: b.in.Staging, Cgroup: b.in.Cgroup})
	b.must(err)
	code, err := p.Encode()
	b.must(err)
	began := time.Now()
	t.waits, t.child, err = b.asm.Park(code, nil)
	took := time.Since(began)
	b.must(err)
	p, err = runtime.CompileResume(parked, b.spec, b.in)
	b.must(err)
	t.code, err = p.Encode()
	b.must(err)
	return took
}

func (t *timed) start() time.Duration {
	var err error
	began := time.Now()
	if t.waits != nil {
		err = t.waits.Resume(t.code, t.fds)
	} else {
		t.child, err = t.box.asm.Start(t.code, t.fds)
	}
	took := time.Since(began)
	t.box.must(err)
	return took
}

func (t *timed) end() { reap(t.box.t, t.child) }

// BenchmarkSandboxMemory tells what a sandbox that waits takes.
func BenchmarkSandboxMemory(b *testing.B) {
	for b.Loop() {
		t := newStart(b)
		t.park()
		text, err := os.ReadFile("/proc/" + strconv.Itoa(t.child.Pid) + "/smaps_rollup")
		t.box.must(err)
		for _, key := range []string{"Rss", "Pss", "Private_Dirty"} {
			size, err := strconv.Atoi(strings.Fields(field(string(text), key+":"))[0])
			t.box.must(err)
			b.ReportMetric(float64(size), key+"-KiB")
		}
		t.waits.Discard()
		t.end()
	}
}
