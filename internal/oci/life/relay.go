//go:build linux

package life

import (
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"berth/internal/linux/console"
)

// relay connects a container's terminal with the one that this process has.
type relay struct {
	master *os.File
	before *unix.Termios // of our own terminal; nil when there is none
	sizes  chan os.Signal
	done   chan struct{}
}

func newRelay(master *os.File) *relay {
	r := &relay{master: master, sizes: make(chan os.Signal, 1), done: make(chan struct{})}
	r.raw()
	signal.Notify(r.sizes, unix.SIGWINCH)
	r.resize()
	go func() {
		for range r.sizes {
			r.resize()
		}
	}()
	go io.Copy(master, os.Stdin)
	go func() {
		defer close(r.done)
		io.Copy(os.Stdout, master) // ends with EIO when nobody has the other end
	}()
	return r
}

// raw lets our terminal hand on every key as it is.
func (r *relay) raw() {
	t, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return
	}
	before := *t
	r.before = &before
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	_ = unix.IoctlSetTermios(0, unix.TCSETS, t) // it has just been read
}

func (r *relay) resize() {
	if ws, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil && ws.Row > 0 && ws.Col > 0 { // else it has none
		_ = console.SetSize(r.master, ws.Row, ws.Col) // the container may be gone
	}
}

// finish shows what is left and puts our terminal back.
func (r *relay) finish() {
	<-r.done
	signal.Stop(r.sizes)
	if r.before != nil {
		_ = unix.IoctlSetTermios(0, unix.TCSETS, r.before)
	}
	r.master.Close()
}
