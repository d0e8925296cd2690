//go:build linux

package keeper

import (
	"os"
	"strconv"
	"sync"
	"time"

	"berth/internal/fault"
)

// link is the connection to the daemon. Answers and events go through a queue,
// so that a daemon that does not read never stops the keeper.
type link struct {
	sock    *socket
	done    chan struct{} // closed when the keeper has taken over
	wake    chan struct{}
	mu      sync.Mutex
	queue   []outgoing
	ended   bool
	sending bool // the sender has taken packets that it has not sent yet
}

// outgoing is a packet with descriptors of its own.
type outgoing struct {
	packet []byte
	fds    []int
}

func newLink(sock *socket) *link {
	return &link{sock: sock, done: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// helloPatience is how long a new connection may take to say hello.
const helloPatience = 10 * time.Second

// greet hears the hello and makes the connection the daemon's, or says why not.
func (s *server) greet(sock *socket) (*link, error) {
	refuse := func(number uint32, err error) (*link, error) {
		w := newWriter(answerFail, number)
		writeFail(w, err)
		_ = sock.send(w.b, nil) // whoever is refused may be gone
		return nil, err
	}
	uid, err := sock.peerUID()
	if err != nil {
		return nil, err
	}
	_ = sock.f.SetDeadline(time.Now().Add(helloPatience))
	packet, fds, _, err := sock.receive()
	if err != nil {
		return nil, err
	}
	closeAll(fds)
	k, number, body, err := parseHeader(packet)
	if err != nil {
		return refuse(0, fault.As(fault.Invalid, err))
	}
	if uid != 0 && uid != os.Geteuid() {
		return refuse(number, fault.New(fault.Forbidden, "the keeper answers only to root, not to user %d", uid))
	}
	version := body.u32()
	if k != askHello || body.done() != nil {
		return refuse(number, fault.New(fault.Invalid, "a connection to the keeper must begin with a hello"))
	}
	if version < Least || version > Version {
		return refuse(number, fault.New(fault.Unsupported, "this keeper speaks protocol versions %d to %d, and the daemon version %d; end the containers and the keeper leaves, then start the daemon again", Least, Version, version))
	}
	l, err := s.attach(sock)
	if err != nil {
		return refuse(number, err)
	}
	_ = sock.f.SetDeadline(time.Time{})
	w := newWriter(answerOK, number)
	w.u32(version)
	w.u32(uint32(os.Getpid()))
	if version >= 3 {
		w.u32(Version)
	}
	l.enqueue(outgoing{packet: w.b})
	go l.send()
	return l, nil
}

// attach makes sock the daemon's connection; a dead one gives way.
func (s *server) attach(sock *socket) (*link, error) {
	l := newLink(sock)
	for {
		s.mu.Lock()
		old := s.link
		if s.leaving {
			s.mu.Unlock()
			return nil, errLeaving()
		}
		if old == nil {
			s.link = l
			s.mu.Unlock()
			s.nudge()
			return l, nil
		}
		s.mu.Unlock()
		if !old.sock.hungUp() {
			return nil, fault.New(fault.Conflict, "another daemon is connected to the keeper with pid %s", strconv.Itoa(os.Getpid()))
		}
		<-old.done
	}
}

func errLeaving() error { return fault.New(fault.Unavailable, "the keeper is about to leave") }

// enqueue sends later, in order. The descriptors become the queue's.
func (l *link) enqueue(o outgoing) {
	l.mu.Lock()
	ended := l.ended
	if !ended {
		l.queue = append(l.queue, o)
	}
	l.mu.Unlock()
	if ended {
		closeAll(o.fds)
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// send empties the queue until the link ends.
func (l *link) send() {
	for range l.wake {
		for {
			l.mu.Lock()
			queue := l.queue
			l.queue = nil
			ended := l.ended
			l.sending = len(queue) > 0
			l.mu.Unlock()
			if ended {
				return
			}
			if len(queue) == 0 {
				break
			}
			for _, o := range queue {
				// A connection that loses an answer is of no use: the daemon
				// would wait for ever. It connects again and lists.
				if l.sock.send(o.packet, o.fds) != nil {
					l.sock.close()
				}
				closeAll(o.fds)
			}
		}
	}
}

// stop ends the sender and drops what it has not sent.
func (l *link) stop() {
	l.mu.Lock()
	l.ended = true
	queue := l.queue
	l.queue = nil
	l.mu.Unlock()
	for _, o := range queue {
		closeAll(o.fds)
	}
	l.sock.close() // a send that waits for room ends here
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) answer(number uint32, fill func(*writer), fds []int) {
	w := newWriter(answerOK, number)
	if fill != nil {
		fill(w)
	}
	l.enqueue(outgoing{w.b, fds})
}

func (l *link) fail(number uint32, err error) {
	w := newWriter(answerFail, number)
	writeFail(w, err)
	l.enqueue(outgoing{packet: w.b})
}
