//go:build linux

package store

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// StartTime is when a process started, in clock ticks since boot (proc(5),
// stat, field 22), and whether it still lives. A zombie does not.
func StartTime(pid int) (ticks uint64, lives bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The name may hold anything, so what counts begins behind its last bracket.
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(f) < 20 {
		return 0, false
	}
	ticks, err = strconv.ParseUint(f[19], 10, 64)
	return ticks, err == nil && f[0] != "Z" && f[0] != "X"
}

// Lives tells whether the container's first process lives.
func (r Record) Lives() bool {
	ticks, lives := StartTime(r.Pid)
	return r.Pid > 0 && lives && ticks == r.StartTime
}

// PidFd opens the container's first process. The error is fault.Conflict, in
// runc's words, when it has ended, whoever has its number now.
func (r Record) PidFd() (*os.File, error) {
	if r.Pid > 0 {
		fd, err := unix.PidfdOpen(r.Pid, 0)
		if err == nil {
			// The descriptor is taken first: from here on the number cannot change hands.
			if r.Lives() {
				return os.NewFile(uintptr(fd), "pidfd"), nil
			}
			unix.Close(fd)
		} else if err != unix.ESRCH && err != unix.EINVAL {
			return nil, fault.Wrap(fault.Internal, err, "The container's process cannot be opened")
		}
	}
	return nil, fault.New(fault.Conflict, "container not running")
}

// Signal sends a signal to the container's first process.
func (r Record) Signal(sig unix.Signal) error {
	f, err := r.PidFd()
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.PidfdSendSignal(int(f.Fd()), sig, nil, 0)
	if err == unix.ESRCH {
		return fault.New(fault.Conflict, "container not running")
	}
	return fault.Wrap(fault.Internal, err, "unable to signal init")
}

// Ended waits until the container's first process has ended, for a while.
func (r Record) Ended(patience time.Duration) bool {
	f, err := r.PidFd()
	if err != nil {
		return true
	}
	defer f.Close()
	for end := time.Now().Add(patience); ; {
		left := time.Until(end)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, int(max(left, 0).Milliseconds()))
		if n > 0 || left <= 0 {
			return n > 0
		}
		if err != nil && err != unix.EINTR {
			return !r.Lives()
		}
	}
}
