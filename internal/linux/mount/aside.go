//go:build linux

package mount

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// aside runs f on a thread that never comes back, with a working directory, a
// root and a mount namespace that it may change as it likes: the other threads
// keep theirs.
func aside(f func() error) error {
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
