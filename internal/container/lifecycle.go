package container

import "berth/internal/fault"

// Event is a fact that moves a container from one state to another.
type Event string

// The events.
const (
	StartBegan   Event = "start began"
	StartFailed  Event = "start failed"   // the first start: it never ran
	AgainFailed  Event = "restart failed" // it ran before
	StartDone    Event = "start done"
	Exit         Event = "exit"
	ExitForNow   Event = "exit for now"  // its policy starts it again
	StartPlanned Event = "start planned" // by its policy, as the daemon starts
	CalledOff    Event = "called off"    // nothing starts it
	Froze        Event = "froze"
	Thawed       Event = "thawed"
	RemoveBegan  Event = "remove began"
	RemoveFailed Event = "remove failed"
	RemoveDone   Event = "remove done"
)

// transitions is the whole life of a container. What is not here cannot happen.
var transitions = map[State]map[Event]State{
	Created:    {StartBegan: Starting, RemoveBegan: Removing},
	Starting:   {StartDone: Running, StartFailed: Created, AgainFailed: Exited},
	Running:    {Exit: Exited, ExitForNow: Restarting, Froze: Paused},
	Paused:     {Exit: Exited, ExitForNow: Restarting, Thawed: Running},
	Restarting: {StartBegan: Starting, CalledOff: Exited},
	Exited:     {StartBegan: Starting, StartPlanned: Restarting, RemoveBegan: Removing},
	Removing:   {RemoveDone: Removed, RemoveFailed: Dead},
	Dead:       {RemoveBegan: Removing},
}

// next returns the state after event e, or a Conflict when the table has no such path.
func next(s State, e Event) (State, error) {
	if to, ok := transitions[s][e]; ok {
		return to, nil
	}
	return s, fault.New(fault.Conflict, "a container that is %s cannot take %q", s, e)
}
