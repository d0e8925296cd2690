//go:build linux

package duplicate

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// How files are written that are not worth a place in the page cache: nobody may ever read them again, to
// get pages for them takes longer than to copy them, and all of it has to get to the disk anyway.
const (
	directFrom  = 64 << 10 // the smallest file
	directChunk = 1 << 20  // written at a time
	directAlign = 4096     // of buffers, offsets and lengths, whatever the device
)

// direct copies the beginning of a file past the page cache, and returns how much that was: what is
// left is less than a block, or all if the file system cannot.
func (c *copier) direct(from, to *os.File, size int64) (done int64, err error) {
	if size < directFrom || c.noDirect.Load() || !setDirect(to, true) {
		return 0, nil
	}
	defer setDirect(to, false)
	buffer, err := c.buffers.get()
	if err != nil {
		return 0, err
	}
	defer c.buffers.put(buffer)
	for size-done >= directAlign {
		if err := c.ctx.Err(); err != nil {
			return done, err
		}
		n, err := unix.Pread(int(from.Fd()), buffer, done)
		if err != nil {
			return done, err
		}
		n -= n % directAlign
		if n == 0 {
			return done, nil
		}
		n, err = unix.Pwrite(int(to.Fd()), buffer[:n], done)
		if errors.Is(err, unix.EINVAL) { // it wants another alignment
			c.noDirect.Store(true)
			return done, nil
		}
		if err != nil {
			return done, err
		}
		if done += int64(n); n%directAlign != 0 {
			return done, nil
		}
	}
	return done, nil
}

// setDirect tells whether a file is written past the page cache from now on, or not.
func setDirect(f *os.File, on bool) bool {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err == nil
}

// buffers are pages for those who copy.
type buffers struct {
	mu   sync.Mutex
	free [][]byte
}

func (b *buffers) get() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		p := b.free[n-1]
		b.free = b.free[:n-1]
		return p, nil
	}
	return unix.Mmap(-1, 0, directChunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
}

func (b *buffers) put(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, p)
}

// close gives them back, when nobody copies any more.
func (b *buffers) close() error {
	var errs []error
	for _, p := range b.free {
		errs = append(errs, unix.Munmap(p))
	}
	return errors.Join(errs...)
}
