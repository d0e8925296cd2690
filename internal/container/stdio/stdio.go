// Package stdio is the standard streams of a process that is being started.
package stdio

import (
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/console"
	"berth/internal/runtime"
	"berth/internal/stream"
)

// Streams is a process's standard streams while it is being started: the
// engine's ends, the program's ends, and their names in the program.
type Streams struct {
	Stdin, Stdout, Stderr *os.File // the engine's ends; nil where there is none
	Pty                   *os.File // a terminal's master, instead of the three
	Names                 []string // of the program's ends, in order
	Child                 []*os.File
}

// Request says which streams a process gets.
type Request struct {
	TTY, Stdin, Stdout, Stderr bool
	Size                       [2]uint // height, width
	UID                        uint32  // whose they are
}

// Open makes the streams. The engine's ends are non-blocking, the
// program's are not. On failure nothing stays open.
func Open(r Request) (*Streams, error) {
	s := &Streams{}
	err := s.open(r)
	if err == nil {
		err = s.GiveTo(r.UID)
	}
	if err != nil {
		s.CloseAll()
		return nil, fault.Wrap(fault.Internal, err, "the standard streams cannot be made")
	}
	return s, nil
}

func (s *Streams) open(r Request) error {
	if r.TTY {
		return s.openTerminal(r)
	}
	for _, end := range []struct {
		name   string
		wanted bool
		in     bool
		engine **os.File
	}{
		{runtime.FdStdin, r.Stdin, true, &s.Stdin},
		{runtime.FdStdout, r.Stdout, false, &s.Stdout},
		{runtime.FdStderr, r.Stderr, false, &s.Stderr},
	} {
		if !end.wanted {
			null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
			if err != nil {
				return err
			}
			s.Add(end.name, null)
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
		s.Add(end.name, os.NewFile(uintptr(program), end.name))
		if err := unix.SetNonblock(engine, true); err != nil {
			unix.Close(engine)
			return err
		}
		*end.engine = os.NewFile(uintptr(engine), end.name)
	}
	return nil
}

func (s *Streams) openTerminal(r Request) error {
	master, devpts, slave, err := console.New()
	if err != nil {
		return err
	}
	s.Pty = master
	s.Add(runtime.FdPty, slave)
	s.Add(runtime.FdDevpts, devpts)
	if r.Size != [2]uint{} {
		return SetSize(master, r.Size[0], r.Size[1])
	}
	return nil
}

// GiveTo makes the streams a user's own, who may then open them by name too, as
// in "echo >/dev/stderr". What leads to /dev/null, which is the host's, is left out.
func (s *Streams) GiveTo(UID uint32) error {
	Ends := []*os.File{s.Stdin, s.Stdout, s.Stderr} // the other end is the same file
	if s.Pty != nil {
		Ends = s.Child[:1]
	}
	for _, end := range Ends {
		if end != nil && UID != 0 {
			if err := end.Chown(int(UID), -1); err != nil {
				return err
			}
		}
	}
	return nil
}

// Add gives the program one more descriptor.
func (s *Streams) Add(name string, f *os.File) {
	s.Names = append(s.Names, name)
	s.Child = append(s.Child, f)
}

// Held are the ends that the keeper holds too.
func (s *Streams) Held() []keeper.Held {
	var Held []keeper.Held
	for _, h := range []keeper.Held{
		{Name: keeper.StreamStdin, File: s.Stdin}, {Name: keeper.StreamStdout, File: s.Stdout},
		{Name: keeper.StreamStderr, File: s.Stderr}, {Name: keeper.StreamPty, File: s.Pty},
	} {
		if h.File != nil {
			Held = append(Held, h)
		}
	}
	return Held
}

// Ends are what the hub serves from now on: they are the hub's to close.
func (s *Streams) Ends(once bool, closeStdin func()) stream.Ends {
	if s.Pty != nil {
		return stream.Ends{Stdin: s.Pty, Stdout: s.Pty, TTY: true}
	}
	return stream.Ends{Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr, StdinOnce: once, CloseStdin: closeStdin}
}

// CloseChild closes the program's ends, which the program has by now.
func (s *Streams) CloseChild() {
	closeFiles(s.Child...)
	s.Child = nil
}

// CloseAll closes both sides.
func (s *Streams) CloseAll() {
	s.CloseChild()
	closeFiles(s.Stdin, s.Stdout, s.Stderr, s.Pty)
}

// SetSize sets the size of a terminal, in characters. Where there is none nothing happens, as with Docker.
func SetSize(Pty *os.File, height, width uint) error {
	if Pty == nil {
		return nil
	}
	return fault.Wrap(fault.Internal, console.SetSize(Pty, uint16(min(height, 0xffff)), uint16(min(width, 0xffff))), "the terminal's size cannot be set")
}

func closeFiles(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
