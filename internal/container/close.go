package container

import (
	"berth/internal/container/probing"
	"berth/internal/container/stdio"
	"berth/internal/failpoint"
	"berth/internal/stream"
)

// Close lets go of the running containers, which the keeper goes on with, and
// waits for what runs in the background. Ends that come from now on are the
// next daemon's to hear of. The keeper's connection is still open, and is
// closed next. It reports whether anything runs.
func (s *Service) Close() (running bool) {
	close(s.ending)
	s.host.Close()
	probing.EndAll(healths(s), stdio.CutTime)
	var hubs []*stream.Hub
	for _, e := range s.index.All() {
		if e.live.Load() != nil {
			running = true
			hubs = append(hubs, e.hub)
		}
	}
	failpoint.At("close.let-go")
	stdio.LetGo(append(hubs, s.execs.Hubs()...))
	for _, e := range s.index.All() {
		closeLog(e)
	}
	return running
}

// healths are those of all containers.
func healths(s *Service) []*probing.Health {
	var all []*probing.Health
	for _, e := range s.index.All() {
		all = append(all, &e.health)
	}
	return all
}
