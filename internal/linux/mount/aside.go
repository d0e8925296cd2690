//go:build linux

package mount

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// aside runs f on a thread that never comes back, with a working directory, a
// root and a mount namespace that it may change as it likes: the other threads
// keep theirs. On such a thread already, f runs on it: it sees what is mounted there.
func aside(f func() error) error {
	if isAside() {
		return f()
	}
	done := make(chan error)
	away := func() { // on a locked thread
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			err = f()
		}
		done <- err
	}
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			away() // never unlocked: the thread ends with the goroutine
			return
		}
		// The main thread cannot be thrown away. While it is held here, the
		// other goroutine gets another one.
		defer runtime.UnlockOSThread()
		other := make(chan struct{})
		go func() {
			defer close(other)
			runtime.LockOSThread()
			away()
		}()
		<-other
	}()
	return <-done
}

// isAside reports whether this thread has a mount namespace that is not the process's.
func isAside() bool {
	own, err := os.Readlink("/proc/thread-self/ns/mnt")
	if err != nil {
		return false
	}
	all, err := os.Readlink("/proc/self/ns/mnt")
	return err == nil && own != all
}
