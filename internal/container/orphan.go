package container

import (
	"time"

	"berth/internal/keeper"
	"berth/internal/linux/pidfd"
)

// Orphaned takes care of the processes of a keeper that has died: they run
// on, and their ends are seen by their pidfds. Their exit codes went to init;
// kernels from 6.15 still tell them (PIDFD_GET_INFO). What is watched for an
// earlier keeper already is told twice, which does no harm.
func (s Ends) Orphaned(client *keeper.Client) {
	s.host.Later(s.host.Warmth().Flush) // its sandboxes have died with it
	told := func(id string) func(int, bool) {
		return func(code int, known bool) {
			if !known {
				code = lostExit
			}
			exit := keeper.Exit{Code: code, Time: time.Now()}
			s.host.Later(func() { s.runs().ended(client, id, exit) })
		}
	}
	for _, e := range s.index.All() {
		if l := e.live.Load(); l != nil {
			pidfd.Watch(l.Pidfd, told(e.id))
		}
	}
	s.execs.Watch(told)
}
