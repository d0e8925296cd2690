package stdio

import (
	"io"
	"time"

	"berth/internal/stream"
)

// Opener gives a client's streams once everything has been checked: from then
// on its answer has begun. Streams that it does not want are nil.
type Opener func(tty bool) (stdin io.Reader, stdout, stderr io.Writer, err error)

// DrainTime is how long a run's output may go on after its first process has
// ended: only a process outside the container that was given its pipes can.
const DrainTime = 5 * time.Second

// CutTime is how long the log gets to take in what its clients held up.
const CutTime = time.Second

// Drain takes the last output of an ended process in. A client that takes
// nothing is let go, as is a log's receiver (by letGo, nil without a log), and then
// whoever holds the streams open is not read any more.
func Drain(hub *stream.Hub, letGo func()) {
	if hub.WaitDone(DrainTime) {
		return
	}
	hub.Abort(nil)
	if letGo != nil {
		letGo()
	}
	if hub.WaitDone(CutTime) {
		return
	}
	hub.Interrupt()
	hub.WaitDone(CutTime)
}

// LetGo stops the reading of all these processes' output, so that the keeper finds what is
// still in the pipes, once and whole. It does not wait for one after the other: a log's
// receiver may hold up many.
func LetGo(hubs []*stream.Hub) {
	for _, hub := range hubs {
		hub.Abort(nil)
		hub.Interrupt()
	}
	late := time.Now().Add(CutTime)
	for _, hub := range hubs {
		hub.WaitDone(time.Until(late))
	}
}
