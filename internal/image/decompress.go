package image

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"io"

	"berth/internal/fault"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compression is how a stream is packed, by its first bytes.
type compression int

const (
	plain compression = iota
	gzipped
	zstandard
	bzipped
	xzipped
)

// detect tells the compression of a stream that begins with head (RFC 1952
// 2.3.1, RFC 8878 3.1, bzip2's and xz's magics).
func detect(head []byte) compression {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 0x08}):
		return gzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}):
		return zstandard // a skippable frame goes first
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzipped
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return xzipped
	}
	return plain
}

// decompress unpacks r whatever its compression. The reader must be closed.
// The libraries are in-process on purpose: containerd's own helper would exec
// igzip or unpigz where it finds them.
func decompress(r io.Reader) (io.ReadCloser, compression, error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	head, err := buffered.Peek(6)
	if err != nil && err != io.EOF {
		return nil, plain, err
	}
	switch kind := detect(head); kind {
	case gzipped:
		z, err := gzip.NewReader(buffered)
		return z, kind, err
	case zstandard:
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(512<<20))
		if err != nil {
			return nil, kind, err
		}
		return z.IOReadCloser(), kind, nil
	case bzipped:
		return io.NopCloser(bzip2.NewReader(buffered)), kind, nil
	case xzipped:
		return nil, kind, fault.New(fault.Unsupported, "xz-compressed archives are not supported; decompress it first (xz -d)")
	}
	return io.NopCloser(buffered), plain, nil
}

// readAhead runs r in a goroutine of its own so that decompressing and hashing
// overlap with what the caller does. Close must be called; it ends the
// goroutine's reads at the next chunk.
type readAhead struct {
	chunks chan []byte
	free   chan []byte
	done   chan struct{}
	err    error // read after chunks is closed
	rest   []byte
	whole  []byte
}

func newReadAhead(r io.Reader) *readAhead {
	const depth, size = 4, 256 << 10
	a := &readAhead{chunks: make(chan []byte, depth), free: make(chan []byte, depth), done: make(chan struct{})}
	for range depth {
		a.free <- make([]byte, size)
	}
	go a.run(r)
	return a
}

func (a *readAhead) run(r io.Reader) {
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

func (a *readAhead) Read(p []byte) (int, error) {
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
func (a *readAhead) Close() error {
	close(a.done)
	for range a.chunks {
	}
	return nil
}
