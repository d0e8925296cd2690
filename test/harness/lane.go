//go:build linux

package harness

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	lanes        = 250
	portsOfLane  = 20
	firstPort    = 20000 // below the ephemeral range, which others draw from
	laneOverflow = "all lanes of the test harness are taken: are other tests hanging?"
)

// lane is a number that no other daemon of a test on this host has. It is held
// by an abstract socket, which goes with the process however that ends.
type lane struct {
	number int
	fd     int
}

func takeLane(t testing.TB) lane {
	t.Helper()
	for n := 1; n <= lanes; n++ {
		l, free, err := tryLane(n)
		if err != nil {
			t.Fatalf("reserve a lane: %v", err)
		}
		if free {
			return l
		}
	}
	t.Fatal(laneOverflow)
	return lane{}
}

func tryLane(n int) (l lane, free bool, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return lane{}, false, err
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("@berth-test-lane-%d", n)})
	if err == nil {
		return lane{number: n, fd: fd}, true, nil
	}
	unix.Close(fd)
	if errors.Is(err, unix.EADDRINUSE) {
		err = nil
	}
	return lane{}, false, err
}

func (l lane) free()           { unix.Close(l.fd) }
func (l lane) bridge() string  { return fmt.Sprintf("btest%d", l.number) }
func (l lane) bip() string     { return fmt.Sprintf("10.213.%d.1/24", l.number) }
func (l lane) cgroup() string  { return fmt.Sprintf("berth-test-%d", l.number) }
func (l lane) port(i int) int  { return firstPort + l.number*portsOfLane + i }
func (l lane) outside() string { return fmt.Sprintf("btout%d", l.number) }
