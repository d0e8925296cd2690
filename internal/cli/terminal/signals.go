package terminal

import (
	"os"
	"os/signal"
	"syscall"

	sys "github.com/moby/sys/signal"
)

// Forwarded returns the signals that are passed on to a container, by number.
// SIGCHLD and SIGPIPE are the client's own business, and Go's runtime uses
// SIGURG to preempt its threads.
func Forwarded() map[os.Signal]string {
	out := make(map[os.Signal]string, len(sys.SignalMap))
	for name, sig := range sys.SignalMap {
		switch name {
		case "CHLD", "CLD", "PIPE", "URG", "KILL", "STOP":
			continue
		}
		// Aliases (IOT and ABRT) share a number: the first in order names it.
		if have, ok := out[sig]; !ok || name < have {
			out[sig] = name
		}
	}
	return out
}

// Forward calls send with the name of every signal that arrives, until stop is
// called. Signals that arrive between Forward and the first send are queued.
func Forward(send func(name string)) (stop func()) {
	names := Forwarded()
	wanted := make([]os.Signal, 0, len(names))
	for sig := range names {
		wanted = append(wanted, sig)
	}
	c := make(chan os.Signal, 128)
	done := make(chan struct{})
	signal.Notify(c, wanted...)
	go func() {
		for {
			select {
			case sig := <-c:
				send(names[sig])
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

// Number returns a signal's number, zero for one that has none.
func Number(sig os.Signal) int {
	if s, ok := sig.(syscall.Signal); ok {
		return int(s)
	}
	return 0
}
