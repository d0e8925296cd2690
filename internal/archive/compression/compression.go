// Package compression unpacks streams, by whatever they are packed with.
package compression

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Kind is how a stream is packed, by its first bytes.
type Kind int

// What streams are packed with.
const (
	Plain Kind = iota
	Gzip
	Zstandard
	Bzip2
	XZ
)

// Detect tells the compression of a stream that begins with head (RFC 1952
// 2.3.1, RFC 8878 3.1, bzip2's and xz's magics).
func Detect(head []byte) Kind {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 0x08}):
		return Gzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstandard
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}):
		return Zstandard // a skippable frame goes first
	case bytes.HasPrefix(head, []byte("BZh")):
		return Bzip2
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return XZ
	}
	return Plain
}

// Decompress unpacks r whatever its compression. The reader must be closed.
// The libraries are in-process on purpose: containerd's own helper would exec
// igzip or unpigz where it finds them.
func Decompress(r io.Reader) (io.ReadCloser, Kind, error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	head, err := buffered.Peek(6)
	if err != nil && err != io.EOF {
		return nil, Plain, err
	}
	switch kind := Detect(head); kind {
	case Gzip:
		z, err := gzip.NewReader(buffered)
		return z, kind, err
	case Zstandard:
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(512<<20))
		if err != nil {
			return nil, kind, err
		}
		return z.IOReadCloser(), kind, nil
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(buffered)), kind, nil
	case XZ:
		z, err := openXZ(buffered)
		return z, kind, err
	}
	return io.NopCloser(buffered), Plain, nil
}

// ReadAhead runs r in a goroutine of its own so that decompressing and hashing
// overlap with what the caller does. Close must be called; it ends the
// goroutine's reads at the next chunk.
type ReadAhead struct {
	chunks chan []byte
	free   chan []byte
	done   chan struct{}
	err    error // read after chunks is closed
	rest   []byte
	whole  []byte
}

// NewReadAhead starts reading r.
func NewReadAhead(r io.Reader) *ReadAhead {
	const depth, size = 4, 256 << 10
	a := &ReadAhead{chunks: make(chan []byte, depth), free: make(chan []byte, depth), done: make(chan struct{})}
	for range depth {
		a.free <- make([]byte, size)
	}
	go a.run(r)
	return a
}

func (a *ReadAhead) run(r io.Reader) {
	defer close(a.chunks)
	for a.err == nil {
		var buf []byte
		select {
		case buf = <-a.free:
		case <-a.done:
			a.err = io.ErrClosedPipe
			return
		}
		n := 0
		for n < len(buf) && a.err == nil {
			var got int
			got, a.err = r.Read(buf[n:])
			n += got
		}
		select {
		case a.chunks <- buf[:n]:
		case <-a.done:
			a.err = io.ErrClosedPipe
			return
		}
	}
}

func (a *ReadAhead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.whole != nil {
			a.free <- a.whole[:cap(a.whole)]
			a.whole = nil
		}
		chunk, ok := <-a.chunks
		if !ok {
			return 0, a.err
		}
		a.whole, a.rest = chunk, chunk
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the goroutine and returns when it no longer reads.
func (a *ReadAhead) Close() error {
	close(a.done)
	for range a.chunks {
	}
	return nil
}
