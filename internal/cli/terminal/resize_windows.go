package terminal

import "time"

// OnResize calls f whenever the terminal's window changes, until stop is
// called. Windows has no signal for it, so the size is looked at.
func OnResize(stream any, f func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		h, w := Size(stream)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if nh, nw := Size(stream); nh != h || nw != w {
					h, w = nh, nw
					f()
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
