//go:build linux

package network

import (
	"fmt"
	"os"
	"strings"

	"berth/internal/linux/netns"
)

// hostNS is the namespace that plays the host: the one Open was called in.
type hostNS struct {
	file *os.File
	here bool // every thread of the process is in it, no need to enter it
}

func openHost() (*hostNS, error) {
	file, err := netns.Current()
	if err != nil {
		return nil, fmt.Errorf("open the host's network namespace: %w", err)
	}
	process, err := processNS()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open the process's network namespace: %w", err)
	}
	defer process.Close()
	return &hostNS{file: file, here: netns.Same(file, process)}, nil
}

// processNS opens the namespace that the process's unlocked threads are in.
// The caller's own thread may be locked and elsewhere, even when it is the
// first one, which /proc/self stands for; a new goroutine never runs on it.
func processNS() (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result)
	go func() {
		f, err := netns.Current()
		done <- result{f, err}
	}()
	r := <-done
	return r.file, r.err
}

// Do runs fn on a thread that is in the host's namespace.
func (h *hostNS) Do(fn func() error) error {
	if h.here {
		return fn()
	}
	return netns.Do(h.file, fn)
}

// PortRange returns ip_local_port_range, or Docker's fallback when it cannot be read.
func (h *hostNS) PortRange() (low, high uint16) {
	low, high = 49153, 65535
	_ = h.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
		if err != nil {
			return err
		}
		var a, b uint16
		if n, err := fmt.Sscan(string(text), &a, &b); n == 2 && err == nil && a > 0 && a <= b {
			low, high = a, b
		}
		return nil
	})
	return low, high
}

// forwarding turns net.ipv4.ip_forward on and reports whether it was off.
func forwarding() (turnedOn bool, err error) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	if err != nil {
		return false, fmt.Errorf("read net.ipv4.ip_forward: %w", err)
	}
	if strings.TrimSpace(string(text)) == "1" {
		return false, nil
	}
	return true, netns.Sysctl("ipv4/ip_forward", "1")
}
