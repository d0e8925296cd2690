//go:build linux

// Package netns makes network namespaces and runs code inside them.
//
// A namespace is an open descriptor and nothing else: no bind mount and no
// name, so that the kernel takes it away together with its links as soon as
// the last descriptor and the last process are gone, even after a kill -9.
package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Current opens the network namespace of the calling thread. The descriptor
// is close-on-exec and the caller's to close.
func Current() (*os.File, error) {
	return os.OpenFile("/proc/thread-self/ns/net", os.O_RDONLY|unix.O_CLOEXEC, 0)
}

// Same reports whether two open namespaces are one and the same.
func Same(a, b *os.File) bool {
	var x, y unix.Stat_t
	if unix.Fstat(int(a.Fd()), &x) != nil || unix.Fstat(int(b.Fd()), &y) != nil {
		return false
	}
	return x.Dev == y.Dev && x.Ino == y.Ino
}

// Do runs fn on a thread that is inside ns and waits for it.
func Do(ns *os.File, fn func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		return fn()
	})
}

// New makes a network namespace and runs setup inside it. When setup fails
// the namespace is given back. The descriptor is close-on-exec and the caller's.
func New(setup func(ns *os.File) error) (*os.File, error) {
	var ns *os.File
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		var err error
		if ns, err = Current(); err != nil {
			return err
		}
		return setup(ns)
	})
	if err != nil {
		if ns != nil {
			_ = ns.Close()
		}
		return nil, err
	}
	return ns, nil
}

// onThread runs fn on a thread of its own and puts the thread's network
// namespace back afterwards. A thread that cannot be put back is never used
// again: its goroutine ends while locked, and the Go runtime ends the thread.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := Current()
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("open the thread's network namespace: %w", err)
			return
		}
		defer home.Close()
		err = fn()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
