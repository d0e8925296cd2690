package usage

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/linux/cgroup"
)

func BenchmarkOneSample(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root")
	}
	h, err := cgroup.Detect()
	if err != nil {
		b.Fatal(err)
	}
	g, err := h.Create(fmt.Sprintf("/berth-usage-%d", os.Getpid()), &specs.LinuxResources{})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Remove(context.Background())
	from := Source{Group: g, Unified: h.Version() == cgroup.V2, Memory: 1, Pid: os.Getpid()}
	b.ReportAllocs()
	for b.Loop() {
		if s, err := from.Measure(); err != nil || !s.Ran() {
			b.Fatal(err)
		}
	}
}
