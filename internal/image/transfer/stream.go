package transfer

import (
	"context"
	"io"
	"sync"
)

const (
	chunkSize  = 256 << 10
	chunkCount = 16
)

// Stream is a blob that somebody may read while it arrives. A blob that nobody reads yet is kept back in memory for a
// while; if nobody comes, or whoever read goes, the stream lets go, and the blob can be read from the store when it is
// whole. So the one who reads holds up the download only while he is busy, never while he waits for something.
type Stream struct {
	open   func(ctx context.Context) (io.ReadCloser, error) // from the store
	chunks chan []byte
	free   chan []byte
	gone   chan struct{} // closed when the reader goes
	whole  chan struct{} // closed when the blob is in the store, or will not come
	err    error         // why not; read after whole

	mu    sync.Mutex
	state streamState
}

type streamState int

const (
	filling  streamState = iota // nobody reads yet
	followed                    // somebody does
	detached                    // nobody will: the store has it later
)

// NewStream returns a stream that falls back to open, which is called when the blob is in the store.
func NewStream(open func(ctx context.Context) (io.ReadCloser, error)) *Stream {
	return &Stream{
		open: open, chunks: make(chan []byte, chunkCount), free: make(chan []byte, chunkCount+1),
		gone: make(chan struct{}), whole: make(chan struct{}),
	}
}

// Open opens the blob: as it arrives, or if it is too late for that, when it is whole.
func (s *Stream) Open(ctx context.Context) (io.ReadCloser, error) {
	s.mu.Lock()
	if s.state == filling {
		s.state = followed
		s.mu.Unlock()
		return &follower{s: s, ctx: ctx}, nil
	}
	s.mu.Unlock()
	select {
	case <-s.whole:
		if s.err != nil {
			return nil, s.err
		}
		return s.open(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// detach lets go of the stream: nothing more of it is given.
func (s *Stream) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != detached {
		s.state = detached
		close(s.chunks)
	}
}

// Finish says that the blob is in the store, or why it is not.
func (s *Stream) Finish(err error) {
	s.err = err
	close(s.whole)
	s.detach()
}

// give hands over a chunk, and returns one to be filled next.
func (s *Stream) give(ctx context.Context, chunk []byte) []byte {
	s.mu.Lock()
	state := s.state
	if state == detached {
		s.mu.Unlock()
		return chunk
	}
	select { // under the lock, since a reader that goes closes the channel
	case s.chunks <- chunk:
		s.mu.Unlock()
		return s.next()
	default:
	}
	s.mu.Unlock()
	if state == filling {
		s.detachUnlessFollowed()
		if s.now() == detached {
			return chunk
		}
	}
	select {
	case s.chunks <- chunk: // only this goroutine closes it while somebody follows
		return s.next()
	case <-s.gone:
		s.detach()
	case <-ctx.Done():
	}
	return chunk
}

func (s *Stream) now() streamState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *Stream) detachUnlessFollowed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == filling {
		s.state = detached
		close(s.chunks)
	}
}

func (s *Stream) next() []byte {
	select {
	case b := <-s.free:
		return b[:chunkSize]
	default:
		return make([]byte, chunkSize)
	}
}

// follower reads a blob as it arrives.
type follower struct {
	s     *Stream
	ctx   context.Context
	whole []byte
	rest  []byte
	once  sync.Once
}

// Live tells that what is read has not been verified.
func (f *follower) Live() bool { return true }

// Read returns what has arrived. The end is told only when the blob has been verified and is in the store.
func (f *follower) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.whole != nil {
			select {
			case f.s.free <- f.whole:
			default:
			}
			f.whole = nil
		}
		select {
		case chunk, more := <-f.s.chunks:
			if !more {
				return 0, f.end()
			}
			f.whole, f.rest = chunk, chunk
		case <-f.ctx.Done():
			return 0, f.ctx.Err()
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *follower) end() error {
	select {
	case <-f.s.whole:
		if f.s.err != nil {
			return f.s.err
		}
		return io.EOF
	default:
		return io.ErrUnexpectedEOF // it begins anew
	}
}

// Close goes.
func (f *follower) Close() error {
	f.once.Do(func() { close(f.s.gone) })
	return nil
}
