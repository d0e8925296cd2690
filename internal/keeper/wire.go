// Package keeper is the process that containers are children of.
//
// The keeper clones every container and exec, holds their pidfds, pipes and
// pty masters, reaps them, records how they ended, and spools their output
// while no daemon is connected. It decides nothing: the daemon tells it what
// to start and takes everything back after a restart.
//
// Serve is the keeper itself (cmd/berth-keeper); Client is the daemon's side.
// They talk over a SOCK_SEQPACKET socket, <exec-root>/keeper.sock: one message
// a packet, many requests outstanding, answered by number (message.go).
package keeper

import (
	"os"
	"time"
)

// Version is the protocol's version, and Least the oldest that is still spoken: daemon and
// keeper need not be of the same build. A keeper answers to any daemon whose version it speaks, and a daemon says
// hello with its own and then with older ones. What a version brought:
//
//	3  renewal (askRenew); the keeper's own version in its answer to hello
const (
	Version = 3
	Least   = 2
)

// The names of held ends that the keeper knows how to drain or close. Any
// other name ("hold" by custom) is kept open and handed back, nothing more.
const (
	StreamStdin  = "stdin"  // the write end of the program's standard input
	StreamStdout = "stdout" // the read end of its output
	StreamStderr = "stderr" // the read end of its error output
	StreamPty    = "pty"    // the master of its terminal, instead of the three
)

// Process is one process that the keeper started: a container's first or an exec's.
type Process struct {
	ID        string    // container or exec ID, unique in this keeper
	Container string    // the container it belongs to (ID itself for a first process)
	Pid       int       // in the keeper's pid namespace
	Started   time.Time // when execve succeeded
	Exit      *Exit     // set once it has been reaped
	Spool     string    // path of output taken in while no daemon was there, "" when none
	Streams   []string  // which ends are held: "stdin", "stdout", "stderr", "pty", others
}

// Exit is how a process ended.
type Exit struct {
	Code   int // exit status, or 128+signal
	Signal int // the signal that killed it, else 0
	Time   time.Time
}

// Event tells that a process has been reaped. Its exit file is already there.
type Event struct {
	ID   string
	Exit Exit
}

// StartRequest says what to start. The files stay the caller's.
type StartRequest struct {
	ID        string // unique among the processes that were not forgotten
	Container string
	Sandbox   string // the sandbox that is to become the process; Program is its second one. "" for none
	// Pidfile says that Program becomes another OCI runtime's `create`. When that
	// has ended well, the process whose ID it wrote into this file, and which it
	// left to the keeper, is the one that was started. "" for none.
	Pidfile  string
	Spool    string     // where output goes while no daemon is there; "" never drains
	ExitFile string     // where the exit is recorded; "" for nowhere
	Program  []byte     // program.Encode's result
	Fds      []*os.File // the program's descriptors, in the order of Program.Fds
	Held     []Held     // what the keeper keeps for the process's life
	Sent     func()     // called once the keeper has been asked; nil for nobody
}

// Held is a descriptor that the keeper holds under a name. Streams must be
// set non-blocking by both sides: the flag lives on the shared description.
type Held struct {
	Name string
	File *os.File
}
