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
	close(s.ending)
	s.host.Close()
	s.probing().endProbes()
	var hubs []*stream.Hub
	for _, e := range s.index.all() {
		if e.live.Load() != nil {
			running = true
			hubs = append(hubs, e.hub)
		}
	}
	for _, x := range s.execs.all() {
		hubs = append(hubs, x.hub)
	}
	letGo(hubs)
	for _, e := range s.index.all() {
		closeLog(e)
	}
	return running
}

// endProbes ends all probing; the next daemon goes on with what is known. Probes
// that are under way are killed.
func (s probing) endProbes() {
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

// letGo stops the reading of all runs' output, so that the keeper finds what is
// still in the pipes, once and whole. It does not wait for one after the other: a log's
// receiver may hold up many.
func letGo(hubs []*stream.Hub) {
	for _, hub := range hubs {
		hub.Abort(nil)
		hub.Interrupt()
	}
	late := time.Now().Add(cutTime)
	for _, hub := range hubs {
		hub.WaitDone(time.Until(late))
	}
}
