//go:build linux

package criu

import "os"

// Event is a point at which criu waits.
type Event struct {
	Name string
	Pid  int      // of the container's first process, where there is one
	File *os.File // the terminal's master, with "orphan-pts-master"
}

// answer is what criu says.
type answer struct {
	kind    Kind
	success bool
	pid     int // of what was restored
	event   Event
	errno   int
}

// decode reads an answer (criu_resp).
func decode(data []byte) (answer, bool) {
	var a answer
	list, ok := fields(data)
	for _, f := range list {
		switch f.number {
		case 1:
			a.kind = Kind(f.value)
		case 2:
			a.success = f.value != 0
		case 4:
			a.pid = pidOf(f.data)
		case 5:
			a.event.Pid, a.event.Name = eventOf(f.data)
		case 7:
			a.errno = int(f.value)
		}
	}
	return a, ok
}

// pidOf reads a criu_restore_resp.
func pidOf(data []byte) (pid int) {
	list, _ := fields(data)
	for _, f := range list {
		if f.number == 1 {
			pid = int(f.value)
		}
	}
	return pid
}

// eventOf reads a criu_notify.
func eventOf(data []byte) (pid int, name string) {
	list, _ := fields(data)
	for _, f := range list {
		switch f.number {
		case 1:
			name = string(f.data)
		case 2:
			pid = int(f.value)
		}
	}
	return pid, name
}
