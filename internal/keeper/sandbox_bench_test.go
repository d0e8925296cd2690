//go:build linux

package keeper_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"berth/internal/keeper"
)

// BenchmarkStart measures what a daemon waits for between its request and the
// answer, of a program that does nothing but execve: the keeper's own part.
func BenchmarkStart(b *testing.B) {
	for _, idle := range []time.Duration{0, 150 * time.Millisecond} {
		for _, kind := range []string{"cold", "warm"} {
			b.Run(kind+"/idle="+idle.String(), func(b *testing.B) {
				w := newWorld(b)
				var took []time.Duration
				for b.Loop() {
					id := strconv.Itoa(len(took))
					q := keeper.StartRequest{ID: id, Container: id, Program: exits(0)}
					if kind == "warm" {
						q.Sandbox = id
						w.park(id)
					}
					time.Sleep(idle)
					began := time.Now()
					_, pidfd, err := w.Start(w.ctx, q)
					took = append(took, time.Since(began))
					w.must(err)
					pidfd.Close()
					<-w.Events()
					w.must(w.Forget(w.ctx, id))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "start-p50-µs")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
