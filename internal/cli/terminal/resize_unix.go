//go:build !windows

package terminal

import (
	"os"
	"os/signal"
	"syscall"
)

// OnResize calls f whenever the terminal's window changes, until stop is called.
func OnResize(_ any, f func()) (stop func()) {
	c := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(c, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-c:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
	}
}
