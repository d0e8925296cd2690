//go:build linux

package life

import (
	"os"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/runtime"
)

// cargo is the descriptors that travel with a program.
type cargo struct {
	names []string
	files []*os.File
}

// give adds a descriptor; it is closed when the child has it.
func (c *cargo) give(name string, f *os.File) {
	c.names = append(c.names, name)
	c.files = append(c.files, f)
}

// close closes what was only the program's, and not our own streams.
func (c *cargo) close() {
	for _, f := range c.files {
		if f != os.Stdin && f != os.Stdout && f != os.Stderr {
			f.Close()
		}
	}
	c.names, c.files = nil, nil
}

func (c *cargo) fds() []int {
	out := make([]int, len(c.files))
	for i, f := range c.files {
		out[i] = int(f.Fd())
	}
	return out
}

// preserve hands on the descriptors that the caller wants the process to have.
func (c *cargo) preserve(p *specs.Process, n int) error {
	if v, err := strconv.Atoi(os.Getenv("LISTEN_FDS")); err == nil && v > 0 {
		n += v
		p.Env = append(p.Env, "LISTEN_FDS="+strconv.Itoa(v), "LISTEN_PID=1")
	}
	for i := range n {
		// What was opened here is closed on execve; what was inherited is not.
		flags, err := unix.FcntlInt(uintptr(3+i), unix.F_GETFD, 0)
		fd := -1
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			fd, err = unix.FcntlInt(uintptr(3+i), unix.F_DUPFD_CLOEXEC, 3)
		}
		if err != nil || fd < 0 {
			return fault.New(fault.Invalid, "please check that preserved-fd %d (of %d) is present", i, n)
		}
		c.give(runtime.Preserve(i), os.NewFile(uintptr(fd), "preserved"))
	}
	return nil
}

// streams gives the process our own standard streams.
func (c *cargo) streams(uid uint32) error {
	for i, name := range []string{runtime.FdStdin, runtime.FdStdout, runtime.FdStderr} {
		if err := own(i, uid); err != nil {
			return err
		}
		c.give(name, []*os.File{os.Stdin, os.Stdout, os.Stderr}[i])
	}
	return nil
}
