package container

import (
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/console"
	"berth/internal/runtime"
	"berth/internal/stream"
)

// stdio is a process's standard streams while it is being started: the
// engine's ends, the program's ends, and their names in the program.
type stdio struct {
	stdin, stdout, stderr *os.File // the engine's ends; nil where there is none
	pty                   *os.File // a terminal's master, instead of the three
	names                 []string // of the program's ends, in order
	child                 []*os.File
}

// stdioRequest says which streams a process gets.
type stdioRequest struct {
	tty, stdin, stdout, stderr bool
	size                       [2]uint // height, width
	uid                        uint32  // whose they are
}

// openStdio makes the streams. The engine's ends are non-blocking, the
// program's are not. On failure nothing stays open.
func openStdio(r stdioRequest) (*stdio, error) {
	s := &stdio{}
	err := s.open(r)
	if err == nil {
		err = s.giveTo(r.uid)
	}
	if err != nil {
		s.closeAll()
		return nil, fault.Wrap(fault.Internal, err, "the standard streams cannot be made")
	}
	return s, nil
}

func (s *stdio) open(r stdioRequest) error {
	if r.tty {
		return s.openTerminal(r)
	}
	for _, end := range []struct {
		name   string
		wanted bool
		in     bool
		engine **os.File
	}{
		{runtime.FdStdin, r.stdin, true, &s.stdin},
		{runtime.FdStdout, r.stdout, false, &s.stdout},
		{runtime.FdStderr, r.stderr, false, &s.stderr},
	} {
		if !end.wanted {
			null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
			if err != nil {
				return err
			}
			s.add(end.name, null)
			continue
		}
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			return err
		}
		engine, program := p[0], p[1]
		if end.in {
			engine, program = p[1], p[0]
		}
		s.add(end.name, os.NewFile(uintptr(program), end.name))
		if err := unix.SetNonblock(engine, true); err != nil {
			unix.Close(engine)
			return err
		}
		*end.engine = os.NewFile(uintptr(engine), end.name)
	}
	return nil
}

func (s *stdio) openTerminal(r stdioRequest) error {
	master, devpts, slave, err := console.New()
	if err != nil {
		return err
	}
	s.pty = master
	s.add(runtime.FdPty, slave)
	s.add(runtime.FdDevpts, devpts)
	if r.size != [2]uint{} {
		return setSize(master, r.size[0], r.size[1])
	}
	return nil
}

// giveTo makes the streams a user's own, who may then open them by name too, as
// in "echo >/dev/stderr". What leads to /dev/null, which is the host's, is left out.
func (s *stdio) giveTo(uid uint32) error {
	ends := []*os.File{s.stdin, s.stdout, s.stderr} // the other end is the same file
	if s.pty != nil {
		ends = s.child[:1]
	}
	for _, end := range ends {
		if end != nil && uid != 0 {
			if err := end.Chown(int(uid), -1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stdio) add(name string, f *os.File) {
	s.names = append(s.names, name)
	s.child = append(s.child, f)
}

// held are the ends that the keeper holds too.
func (s *stdio) held() []keeper.Held {
	var held []keeper.Held
	for _, h := range []keeper.Held{
		{Name: keeper.StreamStdin, File: s.stdin}, {Name: keeper.StreamStdout, File: s.stdout},
		{Name: keeper.StreamStderr, File: s.stderr}, {Name: keeper.StreamPty, File: s.pty},
	} {
		if h.File != nil {
			held = append(held, h)
		}
	}
	return held
}

// ends are what the hub serves from now on: they are the hub's to close.
func (s *stdio) ends(once bool, closeStdin func()) stream.Ends {
	if s.pty != nil {
		return stream.Ends{Stdin: s.pty, Stdout: s.pty, TTY: true}
	}
	return stream.Ends{Stdin: s.stdin, Stdout: s.stdout, Stderr: s.stderr, StdinOnce: once, CloseStdin: closeStdin}
}

// closeChild closes the program's ends, which the program has by now.
func (s *stdio) closeChild() {
	closeAll(s.child...)
	s.child = nil
}

func (s *stdio) closeAll() {
	s.closeChild()
	closeAll(s.stdin, s.stdout, s.stderr, s.pty)
}

func setSize(pty *os.File, height, width uint) error {
	if pty == nil {
		return fault.New(fault.Invalid, "the process has no terminal")
	}
	return fault.Wrap(fault.Internal, console.SetSize(pty, uint16(min(height, 0xffff)), uint16(min(width, 0xffff))), "the terminal's size cannot be set")
}
