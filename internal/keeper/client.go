//go:build linux

package keeper

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Client is the daemon's side of the connection. Its methods may be called
// from many goroutines; each waits for its own answer and for its ctx.
type Client struct {
	sock    *socket
	pid     int
	life    string
	version int           // the keeper's own
	done    chan struct{} // closed when the connection is lost
	closed  chan struct{} // closed by Close
	events  chan Event
	wake    chan struct{}
	once    sync.Once
	mu      sync.Mutex
	number  uint32
	waiting map[uint32]*waiter // nil once the connection is lost
	queue   []Event
}

// Dial connects to the keeper of an exec root and says hello. Unavailable: no
// keeper is there. Conflict: another daemon is connected. Unsupported: the
// keeper speaks no version of the protocol that this build does.
func Dial(ctx context.Context, execRoot string) (c *Client, err error) {
	for version := uint32(Version); version >= Least; version-- {
		if c, err = dial(ctx, execRoot, version); !fault.Is(err, fault.Unsupported) {
			break
		}
	}
	return c, err
}

func dial(ctx context.Context, execRoot string, version uint32) (*Client, error) {
	sock, err := connect(execRoot)
	if err != nil {
		return nil, err
	}
	c := &Client{
		sock: sock, waiting: map[uint32]*waiter{}, events: make(chan Event),
		done: make(chan struct{}), closed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	go c.receive()
	go c.pump()
	r, err := c.exchange(ctx, request{kind: askHello, fill: func(w *writer) { w.u32(version) }})
	if err != nil {
		c.Close()
		return nil, err
	}
	answered := r.body.u32()
	c.pid, c.version = int(r.body.u32()), int(answered)
	c.life = lifeOf(c.pid)
	if version >= 3 {
		c.version = int(r.body.u32())
	}
	if r.body.done() != nil || answered != version {
		c.Close()
		return nil, fault.New(fault.Internal, "the keeper answered with protocol version %d instead of %d", answered, version)
	}
	return c, nil
}

// Pid is the keeper's process ID.
func (c *Client) Pid() int { return c.pid }

// Done is closed when the connection is lost or closed.
func (c *Client) Done() <-chan struct{} { return c.done }

// Events delivers the exits of processes as they are reaped, all of them for
// as long as the connection lasts, and is closed after it. An exit between
// Dial and List can be in both.
func (c *Client) Events() <-chan Event { return c.events }

// Close ends the connection: from now on the keeper reads the output, so the
// caller has stopped its own reading before.
func (c *Client) Close() {
	c.once.Do(func() { close(c.closed) })
	c.sock.close()
	<-c.done
}

// Start runs a program and returns its process and a pidfd of it, which is the
// caller's. A program that failed is a *program.Failure without the step's
// name; a taken ID is a Conflict, a
// sandbox that is not there NotFound. When ctx ends first, a process that starts
// all the same is killed and forgotten.
func (c *Client) Start(ctx context.Context, q StartRequest) (Process, *os.File, error) {
	fds, names, err := descriptors(&q)
	if err != nil {
		return Process{}, nil, err
	}
	defer unix.Close(fds[0]) // the memfd; the others are the caller's
	body := startBody{
		id: q.ID, container: q.Container, sandbox: q.Sandbox, pidfile: q.Pidfile, spool: q.Spool, exitFile: q.ExitFile,
		programFds: len(q.Fds), held: names,
	}
	r, err := c.askStart(ctx, &body, fds, q.Sent)
	if err != nil {
		return Process{}, nil, err
	}
	p := Process{ID: q.ID, Container: q.Container, Pid: int(r.body.u32()), Started: time.Unix(0, r.body.i64()), Streams: names}
	if err := r.body.done(); err != nil || len(r.fds) != 1 {
		closeAll(r.fds)
		return Process{}, nil, errAnswer()
	}
	return p, os.NewFile(uintptr(r.fds[0]), "pidfd"), nil
}

func (c *Client) askStart(ctx context.Context, body *startBody, fds []int, sent func()) (reply, error) {
	for _, f := range append([]string{body.id, body.container, body.sandbox, body.pidfile, body.spool, body.exitFile}, body.held...) {
		if len(f) > maxString {
			return reply{}, fault.New(fault.Invalid, "a name or path of a start is longer than %d bytes", maxString)
		}
	}
	return c.exchange(ctx, request{kind: askStart, fill: body.write, fds: fds, sent: sent, late: func(r reply) { c.undoStart(body.id, r) }})
}

// undoStart ends a process whose start nobody waits for any more.
func (c *Client) undoStart(id string, r reply) {
	if r.err != nil || len(r.fds) == 0 {
		return
	}
	_ = unix.PidfdSendSignal(r.fds[0], unix.SIGKILL, nil, 0) // it may have ended
	closeAll(r.fds)
	for {
		err := c.Forget(context.Background(), id)
		if !fault.Is(err, fault.Conflict) {
			return
		}
		time.Sleep(5 * time.Millisecond) // until the keeper has reaped it
	}
}

// List returns every process that was started and not forgotten.
func (c *Client) List(ctx context.Context) ([]Process, error) {
	r, err := c.exchange(ctx, request{kind: askList})
	return r.list, err
}

// Adopted is what Adopt hands over. Everything is the caller's.
type Adopted struct {
	Process Process
	Pidfd   *os.File
	Held    []Held // copies; the keeper keeps its own
}

// Close closes all descriptors of a.
func (a *Adopted) Close() {
	if a.Pidfd != nil {
		a.Pidfd.Close()
	}
	for _, h := range a.Held {
		h.File.Close()
	}
}

// Adopt takes the output of a process over. When it returns the keeper has
// stopped reading: everything that it read is in Process.Spool (ReadSpool;
// remove the file once its data is safe) and what follows is in the streams.
// The keeper reads again when the connection ends.
func (c *Client) Adopt(ctx context.Context, id string) (*Adopted, error) {
	r, err := c.askFor(ctx, askAdopt, id)
	if err != nil {
		return nil, err
	}
	p, names, fds := readProcess(r.body), r.body.strs(), r.fds
	if r.body.done() != nil || len(fds) != 1+len(names) {
		closeAll(fds)
		return nil, errAnswer()
	}
	a := &Adopted{Process: p, Pidfd: os.NewFile(uintptr(fds[0]), "pidfd")}
	for i, name := range names {
		a.Held = append(a.Held, Held{Name: name, File: os.NewFile(uintptr(fds[1+i]), name)})
	}
	return a, nil
}

// CloseStdin closes the keeper's copy of a process's stdin. The process reads
// the end of it when the caller's copy is closed too.
func (c *Client) CloseStdin(ctx context.Context, id string) error {
	_, err := c.askFor(ctx, askCloseStdin, id)
	return err
}

// Hold gives the keeper one more descriptor to keep for a process's life. The
// file stays the caller's.
func (c *Client) Hold(ctx context.Context, id string, held Held) error {
	_, err := c.exchange(ctx, request{kind: askHold, fds: []int{rawFd(held.File)}, fill: func(w *writer) {
		w.str(id)
		w.str(held.Name)
	}})
	return err
}

// Forget drops a process that has ended, its descriptors, its exit file and
// its spool. Conflict: it still runs.
func (c *Client) Forget(ctx context.Context, id string) error {
	_, err := c.askFor(ctx, askForget, id)
	return err
}

func errAnswer() error { return fault.New(fault.Internal, "the keeper's answer is malformed") }

// descriptors puts a start's descriptors in the order of startBody.
func descriptors(q *StartRequest) (fds []int, names []string, err error) {
	if n := 1 + len(q.Fds) + len(q.Held); n > maxFds {
		return nil, nil, fault.New(fault.Invalid, "a start takes at most %d descriptors, not %d", maxFds, n)
	}
	fds = []int{-1}
	for _, f := range q.Fds {
		fds = append(fds, rawFd(f))
	}
	for _, h := range q.Held {
		fds, names = append(fds, rawFd(h.File)), append(names, h.Name)
	}
	for _, fd := range fds[1:] {
		if fd < 0 {
			return nil, nil, fault.New(fault.Invalid, "a descriptor of the start of %s is closed", q.ID)
		}
	}
	fds[0], err = memfd(q.Program)
	return fds, names, err
}

// rawFd is f's descriptor; unlike f.Fd it leaves f non-blocking.
func rawFd(f *os.File) int {
	number := -1
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { number = int(fd) })
	}
	return number
}

func memfd(content []byte) (int, error) {
	fd, err := unix.MemfdCreate("berth-program", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fault.Wrap(fault.Internal, err, "cannot make a memfd")
	}
	for done := 0; done < len(content); {
		n, err := unix.Pwrite(fd, content[done:], int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			unix.Close(fd)
			return -1, fault.Wrap(fault.Internal, err, "cannot write a memfd")
		}
		done += n
	}
	return fd, nil
}
