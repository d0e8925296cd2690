package container

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
)

// Orphaned takes care of the containers of a keeper that has died: they run
// on, and their ends are seen by their pidfds. Their exit codes went to init;
// kernels from 6.15 still tell them (PIDFD_GET_INFO).
func (s *Service) Orphaned(client *keeper.Client) {
	for _, e := range s.index.all() {
		l := e.live.Load()
		if l == nil {
			continue
		}
		go func() {
			exit := keeper.Exit{Code: lostExit}
			if code, known := awaitExit(int(l.pidfd.Fd())); known {
				exit.Code = code
			}
			exit.Time = time.Now()
			e.lock(context.Background())
			defer e.unlock()
			if e.live.Load() != l {
				return
			}
			e.hub.WaitDone(drainTime)
			s.exited(e, l, exit, client)
		}()
	}
}

// awaitExit waits for the process behind a pidfd to end.
func awaitExit(pidfd int) (code int, known bool) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err != nil && err != unix.EINTR {
			return 0, false
		}
		if n > 0 {
			return exitInfo(pidfd)
		}
	}
}
