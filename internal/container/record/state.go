package record

// State is where a container is in its life. Docker's booleans are computed
// from it at the border.
type State string

// The states.
const (
	Created    State = "created"
	Starting   State = "starting" // being started; reported as what it was before
	Running    State = "running"
	Paused     State = "paused"     // its processes are frozen
	Restarting State = "restarting" // it has ended, and waits for its next start by its policy
	Exited     State = "exited"
	Removing   State = "removing"
	Dead       State = "dead" // a removal failed; remove again
	Removed    State = "removed"
)

// Up reports whether the container's program is there, be it that it is frozen.
func (s State) Up() bool { return s == Running || s == Paused }

// Wanted is the user's intent, kept apart from what is.
type Wanted string

// What a user can want.
const (
	WantedUp   Wanted = "up"
	WantedDown Wanted = "down"
)
