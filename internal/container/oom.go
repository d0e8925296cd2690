package container

import (
	"berth/internal/event"
	"berth/internal/linux/cgroup"
)

// watchOOM tells each time that a run with a limit runs out of memory. One without
// has no such moment of its own, and is found out about at its end.
func (s runs) watchOOM(e *entry, l *live) {
	if l.Group == nil || e.snapshot().HostConfig.Resources.Memory == 0 {
		return
	}
	go func() {
		err := cgroup.WatchOOM(l.Group, l.down, func() {
			l.telling.Lock()
			defer l.telling.Unlock()
			if !l.endTold { // nothing comes after the end
				l.oomTold = true
				s.tells.Of(e.snapshot(), event.OOM)
			}
		})
		l.telling.Lock()
		ended := l.endTold // and its group has gone, or is going
		l.telling.Unlock()
		if err != nil && !ended {
			s.deps.Warn("container %s: %v", e.id, err)
		}
	}()
}
