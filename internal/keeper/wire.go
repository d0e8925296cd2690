// Package keeper is the process that containers are children of.
//
// The keeper clones every container and exec, holds their pidfds, pipes and
// pty masters, reaps them, records how they ended, and spools their output
// while no daemon is connected. It decides nothing: the daemon tells it what
// to start and takes everything back after a restart.
package keeper

import "time"

// Version is the protocol's version. A daemon talks only to a keeper of the same one.
const Version = 1

// Process is one process that the keeper started: a container's first or an exec's.
type Process struct {
	ID        string    // container or exec ID, unique in this keeper
	Container string    // the container it belongs to (ID itself for a first process)
	Pid       int       // in the keeper's pid namespace
	Started   time.Time // when execve succeeded
	Exit      *Exit     // set once it has been reaped
	Spool     string    // path of output taken in while no daemon was there, "" when none
	Streams   []string  // which ends are held: "stdin", "stdout", "stderr", "pty"
}

// Exit is how a process ended.
type Exit struct {
	Code   int // exit status, or 128+signal
	Signal int // the signal that killed it, else 0
	Time   time.Time
}
