//go:build linux

package space

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// deepest is how far down a directory is kept open for each level above it. What is below that is walked by names from
// there, which is slow, and bounded in what it holds open.
const deepest = 100

// Size adds up the files below a directory, in bytes: directories are left out, a file with several names counts once, and
// of a sparse one what is stored of it counts. For all others that is what Docker counts. Nothing leads out of the
// directory, whatever a container does in it meanwhile; what is removed meanwhile is passed over. Several look at
// once: a tree that is not in memory is mostly waited for.
func Size(ctx context.Context, dir string) (int64, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, ignoreMissing(&os.PathError{Op: "open", Path: dir, Err: err})
	}
	m := &measure{ctx: ctx, seen: map[[2]uint64]bool{}, free: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
	m.workers.Go(func() { m.directory(fd, 0) })
	m.workers.Wait()
	return m.sum, m.err
}

// measure is a walk under way.
type measure struct {
	ctx     context.Context
	free    chan struct{} // a place for each who works beside the first
	workers sync.WaitGroup

	mu   sync.Mutex // guards the rest
	sum  int64
	seen map[[2]uint64]bool // files with several names
	err  error
}

func (m *measure) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = err
	}
}

// over reports that the walk has failed or is not wanted any more.
func (m *measure) over() bool {
	if err := m.ctx.Err(); err != nil {
		m.fail(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err != nil
}

// directory adds a directory, and closes it.
func (m *measure) directory(fd, depth int) {
	defer unix.Close(fd)
	if depth > deepest {
		m.rest(fd)
		return
	}
	var sum int64
	buf := make([]byte, 32<<10)
	for !m.over() {
		n, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.ENOENT { // a directory that is removed
			m.fail(os.NewSyscallError("getdents", err))
		}
		if err != nil || n <= 0 {
			break
		}
		for at := 0; at < n; {
			length := int(binary.NativeEndian.Uint16(buf[at+16:])) // struct linux_dirent64: number, offset, length, type, name
			kind, name := buf[at+18], unix.ByteSliceToString(buf[at+19:at+length])
			at += length
			if name != "." && name != ".." {
				sum += m.entry(fd, name, kind, depth)
			}
		}
	}
	m.mu.Lock()
	m.sum += sum
	m.mu.Unlock()
}

// entry is the size of one name; a directory is added by itself, beside this one if somebody is free.
func (m *measure) entry(fd int, name string, kind uint8, depth int) int64 {
	if kind == unix.DT_DIR || kind == unix.DT_UNKNOWN {
		below, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		switch err {
		case nil:
			select {
			case m.free <- struct{}{}:
				m.workers.Go(func() {
					defer func() { <-m.free }()
					m.directory(below, depth+1)
				})
			default:
				m.directory(below, depth+1)
			}
			return 0
		case unix.ENOTDIR, unix.ELOOP, unix.ENOENT: // it is no directory, or no longer one
		default:
			m.fail(&os.PathError{Op: "open", Path: name, Err: err})
			return 0
		}
	}
	var st unix.Stat_t
	err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err != nil && err != unix.ENOENT {
			m.fail(&os.PathError{Op: "stat", Path: name, Err: err})
		}
		return 0
	}
	return m.file(&st)
}

// file is what a file adds.
func (m *measure) file(st *unix.Stat_t) int64 {
	if st.Nlink > 1 {
		m.mu.Lock()
		defer m.mu.Unlock()
		key := [2]uint64{uint64(st.Dev), st.Ino}
		if m.seen[key] {
			return 0
		}
		m.seen[key] = true
	}
	return stored(st)
}

// stored is the size of a file, less its holes.
func stored(st *unix.Stat_t) int64 {
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		return min(st.Size, st.Blocks*512)
	}
	return st.Size
}

// rest adds what is in a directory very far down.
func (m *measure) rest(fd int) {
	root, err := os.OpenRoot("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		m.fail(err)
		return
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return errors.Join(ignoreMissing(err), m.ctx.Err())
		}
		info, err := e.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		var size int64
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			size = m.file(&unix.Stat_t{Mode: st.Mode, Nlink: st.Nlink, Dev: st.Dev, Ino: st.Ino, Size: st.Size, Blocks: st.Blocks})
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sum += size
		return nil
	})
	if err != nil {
		m.fail(err)
	}
}
