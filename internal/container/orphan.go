package container

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
)

// Orphaned takes care of the processes of a keeper that has died: they run
// on, and their ends are seen by their pidfds. Their exit codes went to init;
// kernels from 6.15 still tell them (PIDFD_GET_INFO). What is watched for an
// earlier keeper already is told twice, which does no harm.
func (s *Service) Orphaned(client *keeper.Client) {
	told := func(id string) func(keeper.Exit) {
		return func(exit keeper.Exit) { s.host.later(func() { s.ended(client, id, exit) }) }
	}
	for _, e := range s.index.all() {
		if l := e.live.Load(); l != nil {
			watch(l.pidfd, told(e.id))
		}
	}
	for _, x := range s.execs.all() {
		x.mu.Lock()
		pidfd := x.pidfd
		x.mu.Unlock()
		if pidfd != nil {
			watch(pidfd, told(x.id))
		}
	}
}

// watch waits for a process to end, with a descriptor of its own.
func watch(pidfd *os.File, ended func(keeper.Exit)) {
	own := duplicate(pidfd)
	if own == nil {
		return // it has ended, and that is known
	}
	go func() {
		defer own.Close()
		exit := keeper.Exit{Code: lostExit}
		if code, known := awaitExit(own); known {
			exit.Code = code
		}
		exit.Time = time.Now()
		ended(exit)
	}()
}

// duplicate makes a copy of a pidfd that Go's poller waits for.
func duplicate(pidfd *os.File) *os.File {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return nil
	}
	own := -1
	cerr := conn.Control(func(fd uintptr) { own, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	if cerr != nil || err != nil || unix.SetNonblock(own, true) != nil {
		return nil
	}
	return os.NewFile(uintptr(own), "pidfd")
}

const (
	reapTries = 200                  // how often the kernel is asked for an exit code,
	reapPause = 5 * time.Millisecond // and how long between: until init has reaped
)

// awaitExit waits for the process behind a pidfd to end.
func awaitExit(pidfd *os.File) (code int, known bool) {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return 0, false
	}
	if conn.Read(func(fd uintptr) bool { return readable(int(fd)) }) != nil {
		return 0, false
	}
	for range reapTries {
		cerr := conn.Control(func(fd uintptr) { code, known = exitInfo(int(fd)) })
		if known || cerr != nil {
			break
		}
		time.Sleep(reapPause)
	}
	return code, known
}
