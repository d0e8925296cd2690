package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// WatchOOM calls told each time that the kernel runs out of memory within the
// group, until stop is closed or the group is gone. It holds no thread. On version
// 2 it is told of processes that were killed (cgroup-v2.rst, memory.events), on version 1 of the
// want of memory that kills them (cgroup-v1/memory.rst, 10).
func WatchOOM(g *Group, stop <-chan struct{}, told func()) error {
	p, ok := g.place("memory")
	if !ok {
		return fault.New(fault.Unsupported, "This host has no memory controller.")
	}
	open, changed := p.notifier, func() bool { return true }
	if p.Unified {
		before, err := g.OOMKills()
		if err != nil {
			return err
		}
		open = p.watcher
		changed = func() bool { // the file tells of more than that
			n, err := g.OOMKills()
			more := err == nil && n > before
			if more {
				before = n
			}
			return more
		}
	}
	f, err := open()
	if err != nil {
		return err
	}
	over := make(chan struct{})
	defer close(over)
	go func() { // closing the file ends the reading
		select {
		case <-stop:
		case <-over:
		}
		f.Close()
	}()
	var b [4096]byte
	for {
		if _, err := f.Read(b[:]); err != nil {
			return nil
		}
		if _, err := os.Stat(p.Dir); err != nil { // the end of a group is told as well
			return nil
		}
		if changed() {
			told()
		}
	}
}

// notifier is a file that becomes readable when version 1 is out of memory.
func (p Place) notifier() (*os.File, error) {
	control, err := os.Open(filepath.Join(p.Dir, "memory.oom_control"))
	if err != nil {
		return nil, explain(err, "memory.oom_control")
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "eventfd")
	}
	f := os.NewFile(uintptr(fd), "eventfd")
	line := fmt.Sprintf("%d %d", fd, control.Fd())
	if err := os.WriteFile(filepath.Join(p.Dir, "cgroup.event_control"), []byte(line), 0); err != nil {
		f.Close()
		return nil, explain(err, "cgroup.event_control")
	}
	return f, nil
}

// watcher is a file that becomes readable when version 2's counts have changed.
func (p Place) watcher() (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "inotify")
	}
	f := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, filepath.Join(p.Dir, "memory.events"), unix.IN_MODIFY); err != nil {
		f.Close()
		return nil, explain(err, "memory.events")
	}
	return f, nil
}
