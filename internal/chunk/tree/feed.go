//go:build linux

package tree

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"berth/internal/chunk"
)

// feed makes pieces of what one goroutine reads, and has others compute their digests and put them. Data lies
// in a few slabs, which are filled, cut, and filled again when all their pieces are put: so memory is bounded,
// and the reader waits when the sink is slower.
type feed struct {
	ctx    context.Context
	group  *errgroup.Group
	to     Sink
	cutter *chunk.Cutter
	tasks  chan task
	free   chan *slab

	refs []*chunk.Ref // of all pieces, by slot; those that are tasks get theirs when they are done
	puts int

	// The piece that small runs are gathered in: slab.p[start:len(slab.p)].
	slab  *slab
	start int
	slot  int
}

// slab is a buffer that pieces lie in. It is free when nobody holds it any more.
type slab struct {
	p     []byte
	holds atomic.Int32
}

// slabSize has room for a piece of any size and for several usual ones.
const slabSize = 8 << 20

type task struct {
	index int
	ref   *chunk.Ref
	data  []byte
	slab  *slab
}

func newFeed(ctx context.Context, to Sink) *feed {
	workers := runtime.GOMAXPROCS(0)
	group, ctx := errgroup.WithContext(ctx)
	f := &feed{
		ctx: ctx, group: group, to: to, cutter: chunk.NewCutter(),
		tasks: make(chan task, workers), free: make(chan *slab, workers+3),
	}
	for range cap(f.free) {
		f.free <- &slab{} // its memory is taken when it is first used
	}
	for range workers {
		group.Go(f.work)
	}
	return f
}

// work computes digests and puts, until there is an error: that ends the context, for which all who wait look.
func (f *feed) work() error {
	for t := range f.tasks {
		*t.ref = chunk.RefOf(t.data)
		err := f.to.Put(f.ctx, t.index, *t.ref, t.data)
		f.drop(t.slab)
		if err != nil {
			return err
		}
	}
	return nil
}

// take is an empty slab, which the caller holds.
func (f *feed) take() (*slab, error) {
	select {
	case s := <-f.free:
		if s.p == nil {
			s.p = make([]byte, 0, slabSize)
		}
		s.p = s.p[:0]
		s.holds.Store(1)
		return s, nil
	case <-f.ctx.Done():
		return nil, context.Cause(f.ctx)
	}
}

func (f *feed) drop(s *slab) {
	if s.holds.Add(-1) == 0 {
		f.free <- s // there is room for all
	}
}

// know is the slot of a piece that need not be put.
func (f *feed) know(ref chunk.Ref) int {
	f.refs = append(f.refs, &ref)
	return len(f.refs) - 1
}

// emit has a piece of a slab put, whose slot is known.
func (f *feed) emit(slot int, s *slab, data []byte) error {
	s.holds.Add(1)
	select {
	case f.tasks <- task{f.puts, f.refs[slot], data, s}:
		f.puts++
		return nil
	case <-f.ctx.Done():
		f.drop(s)
		return context.Cause(f.ctx)
	}
}

// much makes pieces of a long run and tells of each.
func (f *feed) much(r io.Reader, tell func(Span)) error {
	s, err := f.take()
	if err != nil {
		return err
	}
	defer func() { f.drop(s) }()
	for {
		got, err := io.ReadFull(r, s.p[len(s.p):slabSize])
		s.p = s.p[:len(s.p)+got]
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return err
		}
		rest := s.p
		for len(rest) >= chunk.Largest || end && len(rest) > 0 {
			n := f.cutter.Cut(rest)
			slot := f.know(chunk.Ref{})
			if err := f.emit(slot, s, rest[:n]); err != nil {
				return err
			}
			tell(Span{Chunk: slot, Length: uint32(n)})
			rest = rest[n:]
		}
		if end {
			return nil
		}
		next, err := f.take()
		if err != nil {
			return err
		}
		next.p = append(next.p, rest...)
		f.drop(s)
		s = next
	}
}

// little adds a short run to the piece that is being gathered. That ends by its size, and
// before by the names of the files: so pieces are the same ones again where a file has come or gone.
func (f *feed) little(r io.Reader, size int, name string) (Span, error) {
	if f.slab != nil && len(f.slab.p)+size > slabSize {
		if err := f.flush(); err != nil {
			return Span{}, err
		}
	}
	if f.slab == nil {
		s, err := f.take()
		if err != nil {
			return Span{}, err
		}
		f.slab, f.start = s, 0
	}
	if f.start == len(f.slab.p) {
		f.slot = f.know(chunk.Ref{})
	}
	p := f.slab.p
	got, err := io.ReadFull(r, p[len(p):len(p)+size])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Span{}, err
	}
	span := Span{Chunk: f.slot, Offset: uint32(len(p) - f.start), Length: uint32(got)}
	f.slab.p = p[:len(p)+got]
	if full := len(f.slab.p) - f.start; full >= chunk.Average || full >= chunk.Smallest && marks(name) {
		return span, f.end()
	}
	return span, nil
}

// marks tells of one name in sixteen that a piece ends with its file.
func marks(name string) bool {
	h := fnv.New32a()
	io.WriteString(h, name)
	return h.Sum32()%16 == 0
}

// end has the piece that was gathered put.
func (f *feed) end() error {
	data := f.slab.p[f.start:]
	f.start = len(f.slab.p)
	if len(data) == 0 {
		return nil
	}
	return f.emit(f.slot, f.slab, data)
}

// flush ends what is being gathered and lets go of its slab.
func (f *feed) flush() error {
	if f.slab == nil {
		return nil
	}
	err := f.end()
	f.drop(f.slab)
	f.slab = nil
	return err
}

// close waits for the workers. What one of them failed with is why the reader did.
func (f *feed) close(err error) error {
	close(f.tasks)
	return cmp.Or(f.group.Wait(), err)
}

// number gives the chunks of a manifest their places: each has one, however often it came.
func (f *feed) number(m *Manifest) {
	places := make(map[chunk.Ref]int, len(f.refs))
	for i := range m.Entries {
		for j := range m.Entries[i].Spans {
			s := &m.Entries[i].Spans[j]
			ref := *f.refs[s.Chunk]
			at, ok := places[ref]
			if !ok {
				at = len(m.Chunks)
				places[ref] = at
				m.Chunks = append(m.Chunks, ref)
			}
			s.Chunk = at
		}
	}
}
