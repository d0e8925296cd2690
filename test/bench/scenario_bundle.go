package main

import (
	"fmt"
	"time"
)

// bundleRun runs one bundle to its end with each runtime's own command line.
func bundleRun(b *bench) {
	for _, idle := range b.spells() {
		n := 0
		row := b.single(shape{"OCI runtime", []string{"run of a default bundle" + spell(idle)}, b.rounds(15, 4), idle, "ms"},
			func(e *engine) bool { return e.bundle != "" },
			func(e *engine) (time.Duration, error) {
				n++
				return e.timed("run", "--bundle", e.bundle, fmt.Sprint("bundle", n))
			})
		row.target = target{of: []share{{"crun", 1.0 / 3}, {"runc", 1.0 / 5}}, column: "berth-runtime"}
	}
}
