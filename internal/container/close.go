package container

import (
	"time"

	"berth/internal/stream"
)

// Close lets go of the running containers, which the keeper goes on with, and
// waits for what runs in the background. Ends that come from now on are the
// next daemon's to hear of. The keeper's connection is still open, and is
// closed next. It reports whether anything runs.
func (s *Service) Close() (running bool) {
	s.host.Close()
	s.runs().endProbes()
	for _, e := range s.index.all() {
		if e.live.Load() != nil {
			running = true
			letGo(e.hub)
		}
		closeLog(e)
	}
	for _, x := range s.execs.all() {
		letGo(x.hub)
	}
	return running
}

// endProbes ends all probing; the next daemon goes on with what is known. Probes
// that are under way are killed.
func (s runs) endProbes() {
	var ending []*watch
	for _, e := range s.index.all() {
		if w := e.watch.Load(); w != nil {
			w.stop()
			ending = append(ending, w)
		}
	}
	late := time.After(cutTime)
	for _, w := range ending {
		select {
		case <-w.done:
		case <-late:
			return
		}
	}
}

// letGo stops the reading of a run's output, so that the keeper finds what is
// still in the pipes, once and whole.
func letGo(hub *stream.Hub) {
	hub.Abort(nil)
	hub.Interrupt()
	hub.WaitDone(cutTime)
}
