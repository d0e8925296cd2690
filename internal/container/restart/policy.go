// Package restart decides whether a container that has ended runs again, and
// when. It is pure: it knows no clocks, no locks and no containers.
package restart

import (
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Policy says when a container is started again without anybody asking.
type Policy struct {
	Name string // "" and "no", "on-failure", "always", "unless-stopped"
	Max  int    // of on-failure: how often at most; 0 for no limit
}

// The names of the policies.
const (
	No            = "no"
	OnFailure     = "on-failure"
	Always        = "always"
	UnlessStopped = "unless-stopped"
)

// None reports that the policy starts nothing.
func (p Policy) None() bool { return p.Name == "" || p.Name == No }

// Check refuses what is no policy, in Docker's words. An empty name may come with
// any count: this is how old clients send their default.
func (p Policy) Check() error {
	switch p.Name {
	case "":
		return nil
	case No, Always, UnlessStopped:
		if p.Max == 0 {
			return nil
		}
		text := "invalid restart policy: maximum retry count can only be used with 'on-failure'"
		if p.Max < 0 {
			text += " and cannot be negative"
		}
		return fault.New(fault.Invalid, "%s", text)
	case OnFailure:
		if p.Max < 0 {
			return fault.New(fault.Invalid, "invalid restart policy: maximum retry count cannot be negative")
		}
		return nil
	}
	return fault.New(fault.Invalid, "invalid restart policy: unknown policy '%s'; use one of '%s', '%s', '%s', or '%s'", p.Name, No, Always, OnFailure, UnlessStopped)
}

// Asked is what a user has done to a container since it was last started by hand.
// More is greater.
type Asked int

// What a user can have asked for.
const (
	Nothing   Asked = iota
	Signalled       // a signal that need not have meant an end
	Stopped         // that it ends, and stays so: no policy starts it before the next start by hand or of the daemon
)

// String names it for plans.
func (a Asked) String() string {
	switch a {
	case Signalled:
		return "signalled by hand"
	case Stopped:
		return "stopped by hand"
	}
	return "not touched"
}

// ByKill is what it means that a user sends a signal with kill: SIGKILL and the
// container's stop signal say that it stays down, and where it has no stop signal of
// its own (0), so does any.
func ByKill(sig, stopSignal unix.Signal) Asked {
	if sig == unix.SIGKILL || stopSignal == 0 || sig == stopSignal {
		return Stopped
	}
	return Signalled
}
