//go:build linux

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Terminal is a client that runs on a terminal of its own, as a user has it.
type Terminal struct {
	c      Client
	line   string
	cmd    *exec.Cmd
	master *os.File
	seen   Buffer
	mu     sync.Mutex
	read   int // bytes of seen that Expect has gone past
	done   chan struct{}
}

// OnTerminal starts a command on a new terminal of a size.
func (c Client) OnTerminal(rows, columns int, args ...string) *Terminal {
	c.T.Helper()
	master, slave, err := OpenPty()
	if err != nil {
		c.T.Fatalf("open a terminal: %v", err)
	}
	defer slave.Close()
	ctx, cancel := context.WithCancel(context.Background())
	term := &Terminal{c: c, line: c.line(args), cmd: c.command(ctx, args), master: master, done: make(chan struct{})}
	term.Resize(rows, columns)
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		cancel()
		master.Close()
		c.T.Fatalf("%s: %v", term.line, err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		buf := make([]byte, 32<<10)
		for {
			n, err := master.Read(buf) // EIO once nobody has the other end
			if n > 0 {
				_, _ = term.seen.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = term.cmd.Wait() // what it says is read from the state
		<-copied
		close(term.done)
	}()
	c.T.Cleanup(func() {
		cancel()
		<-term.done
		master.Close()
	})
	return term
}

// OpenPty opens a new terminal: the end that a program like xterm holds, and the end that is a terminal.
func OpenPty() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}

// Resize gives the terminal another size, as dragging a window does.
func (t *Terminal) Resize(rows, columns int) {
	t.c.T.Helper()
	raw, err := t.master.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)})
		}), err)
	}
	if err != nil {
		t.c.T.Fatalf("resize the terminal: %v", err)
	}
}

// Type sends keys.
func (t *Terminal) Type(keys string) {
	t.c.T.Helper()
	if _, err := t.master.WriteString(keys); err != nil {
		t.c.T.Fatalf("type into %s: %v", t.line, err)
	}
}

// Expect waits until text appears behind what was expected before.
func (t *Terminal) Expect(text string) {
	t.c.T.Helper()
	Eventually(t.c.T, "on the terminal of "+t.line, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		all := t.seen.String()
		at := strings.Index(all[t.read:], text)
		if at < 0 {
			return fmt.Errorf("%q is not there; so far:\n%q", text, all[t.read:])
		}
		t.read += at + len(text)
		return nil
	})
}

// Seen is everything that the terminal has shown.
func (t *Terminal) Seen() string { return t.seen.String() }

// Ends waits for the client's end and returns its exit code.
func (t *Terminal) Ends() int {
	t.c.T.Helper()
	if !closedWithin(t.done) {
		t.c.T.Fatalf("%s does not end; it shows:\n%q", t.line, t.seen.String())
	}
	return t.cmd.ProcessState.ExitCode()
}
