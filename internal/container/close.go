package container

// Close waits for what runs in the background and lets go of the running
// containers, which the keeper goes on with. It reports whether there are any.
func (s *Service) Close() (running bool) {
	s.host.background.Wait()
	for _, e := range s.index.all() {
		if l := e.live.Load(); l != nil {
			running = true
		}
	}
	return running
}
