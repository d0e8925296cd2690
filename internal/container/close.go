package container

import (
	"time"

	"berth/internal/container/stdio"
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
	stdio.LetGo(append(hubs, s.execs.Hubs()...))
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
	late := time.After(stdio.CutTime)
	for _, w := range ending {
		select {
		case <-w.done:
		case <-late:
			return
		}
	}
}
