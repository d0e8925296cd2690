//go:build linux

package keeper

import (
	"errors"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/launch"
)

// Options are what Serve needs to know.
type Options struct {
	Root     string          // the exec root: holds keeper.sock and keeper.lock
	Linger   time.Duration   // how long to stay without daemon and process
	Executor launch.Executor // who runs the programs
	Log      func(string)    // takes one line without its end
	Again    []string        // the command line, for a renewal; nil: it cannot be renewed
	State    *os.File        // what the keeper before has left (RenewFlag); nil for a fresh start
}

// server is the keeper.
type server struct {
	executor   launch.Executor
	log        func(string)
	drain      *drain
	changed    chan struct{} // something that leave looks at has changed
	slots      slots         // bounds the threads that starts occupy
	mu         sync.Mutex
	procs      map[string]*record
	pids       map[int]*record     // what reap knows
	starting   map[string]struct{} // IDs under way
	delegating int                 // starts whose process another runtime leaves behind
	strays     map[int]ended       // reaped while starts were under way
	link       *link               // the daemon
	sandboxes  sandboxes
	working    int  // requests that have been heard and not answered
	leaving    bool // decided: nothing new is taken on

	socketPath string
	lock       *os.File
	listener   *socket
	again      []string
}

// startsAtOnce bounds the starts that run together; each occupies a thread.
const startsAtOnce = 4

// ErrRunning means that another keeper serves the same root.
var ErrRunning = errors.New("another keeper serves this root")

// Serve is the keeper's life. It makes the process a sub-reaper that cannot be
// dumped, answers at <root>/keeper.sock, and returns nil when there has been
// neither daemon nor process for the linger time, or at SIGTERM without
// processes. It must be the only thing that the process does.
func Serve(o Options) error {
	if err := harden(); err != nil {
		return err
	}
	s := &server{
		executor: o.Executor, log: o.Log, again: o.Again,
		changed: make(chan struct{}, 1), slots: make(slots, startsAtOnce),
		procs: map[string]*record{}, pids: map[int]*record{},
		starting: map[string]struct{}{}, strays: map[int]ended{},
		socketPath: filepath.Join(o.Root, socketName),
	}
	s.sandboxes = sandboxes{server: s, list: map[string]*sandbox{}}
	if err := begin(s, o); err != nil {
		return err
	}
	defer s.lock.Close()
	defer s.listener.close()
	defer os.Remove(s.socketPath)
	go s.accept(s.listener)
	s.watch(o.Linger)
	return nil
}

// begin takes the root, or takes it over from the keeper before.
func begin(s *server, o Options) (err error) {
	if s.drain, err = newDrain(o.Log, s.nudge); err != nil {
		return err
	}
	go s.drain.run()
	if o.State != nil {
		before, err := readState(o.State)
		if err != nil {
			return err
		}
		s.lock = os.NewFile(uintptr(before.lock), "keeper.lock")
		if s.listener, err = newSocket(before.listener); err != nil {
			return err
		}
		return renewal{s}.resumeFrom(before)
	}
	if s.lock, err = lockRoot(o.Root); err != nil {
		return err
	}
	fd, err := listen(o.Root)
	if err == nil {
		s.listener, err = newSocket(fd)
	}
	return err
}

// harden makes the process fit to be the parent of strangers.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fault.Wrap(fault.Internal, err, "cannot become a sub-reaper")
	}
	// A process of a container must not be able to look into the keeper.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fault.Wrap(fault.Internal, err, "cannot forbid core dumps")
	}
	// What a careless parent left open must not reach a container.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fault.Wrap(fault.Internal, err, "cannot mark descriptors close-on-exec")
	}
	unix.Umask(0o022) // programs inherit it
	return nil
}

// lockRoot makes sure that one keeper serves a root. The lock belongs to the
// process, so children never hold it, and it ends with the process.
func lockRoot(root string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(root, "keeper.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &l); err != nil {
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, ErrRunning
		}
		return nil, err
	}
	return f, nil
}

// restTime is how long nothing happens before the memory that a burst of
// starts took is given back to the system.
const restTime = time.Second

// watch is the main loop: children, signals, and the time to leave.
func (s *server) watch(linger time.Duration) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	s.reap() // what died before the handler was there
	timer := time.NewTimer(linger)
	rest := time.AfterFunc(restTime, debug.FreeOSMemory)
	defer rest.Stop()
	for {
		select {
		case <-children:
			s.reap()
		case <-s.changed:
			timer.Reset(linger)
			rest.Reset(restTime)
		case <-timer.C:
			if s.leave(false) {
				return
			}
			timer.Reset(linger)
		case <-ends:
			if s.leave(true) || s.sandboxes.leave() {
				return
			}
			s.log("asked to end, but there are processes to keep")
		}
	}
}

// nudge makes watch wait its linger time again, and then look whether to leave.
func (s *server) nudge() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// leave decides to leave unless that would lose something: a process, output
// of an ended one that is in no spool yet, or, without asked, a daemon. When
// somebody has removed the socket no daemon can come for the output any more.
func (s *server) leave(asked bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.starting) > 0 || len(s.pids) > 0 || (s.link != nil && !asked) {
		return false
	}
	for _, r := range s.procs {
		if r.busy() && unix.Access(s.socketPath, unix.F_OK) == nil {
			return false
		}
	}
	s.leaving = true
	return true
}

// accept takes connections until the listener is closed.
func (s *server) accept(listener *socket) {
	for {
		var fd int
		var failed error
		err := listener.raw.Read(func(l uintptr) bool {
			fd, _, failed = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if err != nil {
			return
		}
		if failed != nil {
			if !errors.Is(failed, unix.EINTR) && !errors.Is(failed, unix.ECONNABORTED) {
				s.log("cannot accept: " + failed.Error())
				time.Sleep(drainRetry / 10) // out of descriptors, most likely
			}
			continue
		}
		sock, err := newSocket(fd)
		if err != nil {
			s.log("cannot serve a connection: " + err.Error())
			continue
		}
		go s.serve(sock)
	}
}

// serve is the life of one connection.
func (s *server) serve(sock *socket) {
	l, err := s.greet(sock)
	if err != nil {
		sock.close()
		s.log("a connection was refused: " + err.Error())
		return
	}
	s.hear(l)
}

// hear reads requests until the connection ends. Who has heard one that takes long
// does it, and another goes on hearing: the start of a container has not to
// wait until a thread has woken up for it.
func (s *server) hear(l *link) {
	for {
		packet, fds, lost, err := l.sock.receive()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
				s.log("the daemon's connection broke: " + err.Error())
			}
			s.detach(l)
			l.sock.close()
			return
		}
		if work := s.dispatch(l, packet, fds, lost); work != nil {
			count(s, 1)
			go s.hear(l)
			work()
			count(s, -1)
			return
		}
	}
}

// count counts what is under way.
func count(s *server, n int) {
	s.mu.Lock()
	s.working += n
	s.mu.Unlock()
}

// detach takes over what the daemon behind l kept.
func (s *server) detach(l *link) {
	l.stop()
	s.mu.Lock()
	s.link = nil
	orphans := make([]*record, 0, len(s.procs))
	for _, r := range s.procs {
		orphans = append(orphans, r)
	}
	s.mu.Unlock()
	gone := s.sandboxes.dropAll()
	for _, r := range orphans {
		r.take(s.drain)
	}
	gone() // the next daemon finds none of them, and their groups empty
	close(l.done)
	s.nudge()
}
