//go:build linux

package backup

import (
	"context"
	"sync"

	"berth/internal/backup/place"
	"berth/internal/chunk"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// sender puts chunks into packs and those into a place. It is a tree.Sink, for several scans one after
// the other.
//
// Chunks come in the order in which they are read, whoever computes their digests: so the same data makes the same packs,
// and a backup that was broken off finds those that it has sent. Where a pack ends is for its chunks to say, which
// keeps the rest of the packs the same when something has changed before them.
type sender struct {
	codec *chunk.Codec
	read  func(bytes int64) // hears of chunks
	forms sync.Pool         // buffers of packed chunks

	mu    sync.Mutex
	turn  *sync.Cond
	next  int // whose turn it is
	err   error
	known map[chunk.Ref]bool // those that are there or on their way
	now   pack
	packs int

	upload *upload
}

// pack is some packed chunks, one after the other.
type pack struct {
	data  []byte
	index packIndex
}

// A pack has at least smallPack bytes and at most what packLimit says, but for the last one, and ends with
// one of its chunks in endsOne.
const (
	smallPack = 12 << 20
	endsOne   = 16
)

// packLimit is how many bytes the next pack may have. A manifest can name some ten thousands: so the more there
// are, the larger they become.
func packLimit(packs int) int { return 32 << 20 << min(packs/1024, 3) }

// newSender returns a sender to a place where there are some packs of an earlier backup. It has to be finished.
func newSender(ctx context.Context, to place.Place, codec *chunk.Codec, there stock) *sender {
	s := &sender{codec: codec, read: func(int64) {}, known: map[chunk.Ref]bool{}, packs: len(there.packs)}
	s.forms.New = func() any { return new([]byte) }
	s.turn = sync.NewCond(&s.mu)
	for _, x := range there.packs {
		for _, c := range x {
			s.known[c.ref] = true
		}
	}
	s.upload = newUpload(ctx, to, there)
	return s
}

// restart begins a further scan, whose chunks count from 0.
func (s *sender) restart() { s.next = 0 }

// Put takes a chunk. It is packed before its turn, several at once, and waits for that.
func (s *sender) Put(ctx context.Context, index int, ref chunk.Ref, data []byte) error {
	stop := context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	defer stop()
	form := s.forms.Get().(*[]byte)
	defer s.forms.Put(form)
	*form = (*form)[:0]
	if s.wants(ref) {
		*form = s.codec.Pack(*form, data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next != index && s.err == nil {
		s.turn.Wait()
	}
	if s.err != nil {
		return s.err
	}
	s.read(int64(len(data)))
	if !s.known[ref] {
		s.add(ref, *form)
	}
	s.next++
	s.turn.Broadcast()
	return s.err
}

func (s *sender) wants(ref chunk.Ref) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.known[ref]
}

// add adds a chunk to the pack. What waits for its turn meanwhile is known in the end to be there.
func (s *sender) add(ref chunk.Ref, form []byte) {
	s.known[ref] = true
	if s.now.data == nil {
		s.now.data = s.upload.buffer(packLimit(s.packs))
	}
	s.now.data = append(s.now.data, form...)
	s.now.index = append(s.now.index, packed{ref, uint32(len(form))})
	size := len(s.now.data)
	if size >= smallPack && ref.Digest[0]%endsOne == 0 || size > packLimit(s.packs)-chunk.MaxPacked {
		s.hand()
	}
}

// hand gives the pack to be sent; it waits until the one before is.
func (s *sender) hand() {
	if err := s.upload.send(s.now); err != nil && s.err == nil {
		s.err = err
	}
	s.now = pack{}
	s.packs++
}

// finish sends what is left, and returns what there is in the end.
func (s *sender) finish() (stock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && len(s.now.index) > 0 {
		s.hand()
	}
	there, err := s.upload.finish()
	if s.err != nil {
		err = s.err
	}
	return there, err
}

// fail wakes all who wait.
func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.turn.Broadcast()
}

// stock is packs that are in a place, with their blobs.
type stock struct {
	packs []packIndex
	blobs []ocispec.Descriptor
}

// upload sends packs, one while the next one is made.
type upload struct {
	packs chan pack
	free  chan []byte
	done  chan struct{} // closed when no more is sent; there and err stay as they are then

	there stock
	sent  int64 // bytes that were not there
	err   error
}

func newUpload(ctx context.Context, to place.Place, there stock) *upload {
	u := &upload{packs: make(chan pack), free: make(chan []byte, 2), done: make(chan struct{}), there: there}
	go func() {
		defer close(u.done)
		for p := range u.packs {
			d := place.Describe(typePack, p.data)
			var sent bool
			if sent, u.err = to.Put(ctx, d, p.data); u.err != nil {
				return
			}
			if sent {
				u.sent += d.Size
			}
			u.there.packs, u.there.blobs = append(u.there.packs, p.index), append(u.there.blobs, d)
			u.free <- p.data
		}
	}()
	return u
}

// buffer is one for a pack of a size. At most two are in use.
func (u *upload) buffer(size int) []byte {
	select {
	case b := <-u.free:
		if cap(b) >= size {
			return b[:0]
		}
	default:
	}
	return make([]byte, 0, size)
}

func (u *upload) send(p pack) error {
	select {
	case u.packs <- p:
		return nil
	case <-u.done:
		return u.err
	}
}

func (u *upload) finish() (stock, error) {
	close(u.packs)
	<-u.done
	return u.there, u.err
}
