//go:build linux

package network

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestMeasureConnect prints how long the parts of a container's start and end
// take; it asserts nothing. Run it with -v.
func TestMeasureConnect(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("prints only; run it with -v")
	}
	for ports := range 3 {
		l := newLab(t)
		start := time.Now()
		s := l.open(Config{Warm: 6})
		t.Logf("open and restore: %v", time.Since(start))
		var up, down []time.Duration
		for i := range 40 {
			var p []PortBinding
			for j := range ports {
				p = append(p, PortBinding{Port: 80, HostPort: uint16(8000 + j)})
			}
			time.Sleep(30 * time.Millisecond) // lets the pool fill
			start := time.Now()
			a, err := s.Connect(t.Context(), ConnectRequest{ID: fmt.Sprint(i), Ports: p})
			if err != nil {
				t.Fatal(err)
			}
			up = append(up, time.Since(start))
			a.NetNS.Close()
			start = time.Now()
			if err := s.Disconnect(t.Context(), a.EndpointID); err != nil {
				t.Fatal(err)
			}
			down = append(down, time.Since(start))
		}
		start = time.Now()
		for range 20 {
			if b, err := s.standard.make(); err != nil {
				t.Fatal(err)
			} else {
				s.standard.drop(b)
			}
		}
		inline := time.Since(start) / 20
		slices.Sort(up)
		slices.Sort(down)
		t.Logf("%d ports: connect p50 %v p90 %v, disconnect p50 %v p90 %v; made on the spot %v",
			ports, up[20], up[36], down[20], down[36], inline)
	}
}
