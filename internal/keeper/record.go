//go:build linux

package keeper

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// record is what the keeper knows of one process.
//
// Lock order: server.mu, then record.mu, then drain.mu.
type record struct {
	id, container   string
	spoolPath       string
	exitPath        string
	pid, pidfd      int
	mounts          int // a container's mount namespace, until its end; -1 for none
	started         time.Time
	exit            *Exit           // under server.mu
	gone            chan struct{}   // of what is no process of a container: closed when it is reaped
	status          unix.WaitStatus // valid once gone is closed
	mu              sync.Mutex
	ends            []*end     // under mu
	adopted, closed bool       // under mu: a daemon reads the output; forgotten
	complained      bool       // under mu: the log has a line about the spool
	spool           *spoolFile // under mu; open while draining
}

// end is one held descriptor. Its fields are under the record's mu.
type end struct {
	of      *record
	name    string
	fd      int    // -1 once closed
	stream  byte   // the spool's stream byte, 0 for what is never drained
	armed   bool   // the drain watches it
	pending []byte // a frame that was read and could not be written yet
	resting bool   // a retry is on its way
}

func newEnd(of *record, name string, fd int) *end {
	e := &end{of: of, name: name, fd: fd}
	switch name {
	case StreamStdout:
		e.stream = SpoolStdout
	case StreamStderr:
		e.stream = SpoolStderr
	case StreamPty:
		e.stream = SpoolPty
	}
	return e
}

// process is a copy for the daemon. The caller holds server.mu.
func (r *record) process() Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Process{ID: r.id, Container: r.container, Pid: r.pid, Started: r.started, Exit: r.exit}
	if r.spoolPath != "" && unix.Access(r.spoolPath, unix.F_OK) == nil {
		p.Spool = r.spoolPath
	}
	for _, e := range r.ends {
		if e.fd >= 0 {
			p.Streams = append(p.Streams, e.name)
		}
	}
	return p
}

// busy reports whether output may still be in a held stream.
func (r *record) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ends {
		if e.stream != 0 && (e.fd >= 0 || e.pending != nil) && r.spoolPath != "" {
			return true
		}
	}
	return false
}

// drop closes everything that the record holds.
func (r *record) drop(d *drain) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, e := range r.ends {
		d.disarm(e)
		e.close()
	}
	r.spool.close()
	r.spool = nil
	if r.pidfd >= 0 {
		unix.Close(r.pidfd)
		r.pidfd = -1
	}
}

// closeNamed closes the ends of that name; the caller does not hold mu.
func (r *record) closeNamed(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ends {
		if e.name == name {
			e.close()
		}
	}
}

func (e *end) close() {
	if e.fd >= 0 {
		unix.Close(e.fd)
		e.fd = -1
	}
}

// release stops the draining of r's output and gives copies of the pidfd and
// the held ends, in this order, with the ends' names. Nothing that was read
// stays behind: it is in the spool file when release returns.
func (r *record) release(d *drain) (names []string, fds []int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ends {
		d.disarm(e)
		if e.pending != nil && !r.flush(e) {
			r.rearm(d)
			return nil, nil, fault.New(fault.Unavailable, "the output of %s cannot be written to %s", r.id, r.spoolPath)
		}
	}
	held := []int{r.pidfd}
	for _, e := range r.ends {
		if e.fd >= 0 {
			names = append(names, e.name)
			held = append(held, e.fd)
		}
	}
	if fds, err = duplicate(held); err != nil {
		r.rearm(d)
		return nil, nil, err
	}
	r.adopted = true
	r.spool.close()
	r.spool = nil
	return names, fds, nil
}

// take starts the draining of r's output: its daemon is gone.
func (r *record) take(d *drain) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.adopted = false
	r.rearm(d)
}

// rearm watches every open stream again. The caller holds mu.
func (r *record) rearm(d *drain) {
	if r.adopted || r.closed || r.spoolPath == "" {
		return
	}
	for _, e := range r.ends {
		if e.pending != nil {
			d.later(e, "")
		} else if e.stream != 0 && e.fd >= 0 {
			d.arm(e)
		}
	}
}

// holdMounts keeps a container's mount namespace over its end: taking some
// forty mounts apart waits for an RCU grace period, and otherwise the kernel does
// that before it tells that the process has ended.
func (r *record) holdMounts() {
	fd, err := unix.Open("/proc/"+strconv.Itoa(r.pid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil { // else it has ended already
		r.mounts = fd
	}
}

// letMountsGo lets the kernel take the mounts apart, where nobody waits for it.
func (r *record) letMountsGo() {
	if fd := r.mounts; fd >= 0 {
		r.mounts = -1
		go unix.Close(fd)
	}
}

// duplicate copies descriptors, so that a message keeps its own.
func duplicate(fds []int) ([]int, error) {
	copies := make([]int, 0, len(fds))
	for _, fd := range fds {
		c, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			closeAll(copies)
			return nil, fault.Wrap(fault.Internal, err, "cannot copy a descriptor")
		}
		copies = append(copies, c)
	}
	return copies, nil
}
