package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// room is one thread in a network and a mount namespace of its own. Processes
// that it starts are in them too; the namespaces (with their bridges, rules and
// mounts) go when the thread and the last of these processes have gone.
type room struct {
	work chan func()
}

func newRoom() (*room, error) {
	r := &room{work: make(chan func())}
	ready := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		err := enterRoom()
		ready <- err
		if err != nil {
			return
		}
		for f := range r.work {
			f()
		}
	}()
	return r, <-ready
}

// enterRoom moves the calling thread into new namespaces with the loopback
// up and a /sys that shows the new network.
func enterRoom() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	groups, err := unix.OpenTree(unix.AT_FDCWD, "/sys/fs/cgroup", unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open_tree /sys/fs/cgroup: %w", err)
	}
	defer unix.Close(groups)
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if err := unix.MoveMount(groups, "", unix.AT_FDCWD, "/sys/fs/cgroup", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount /sys/fs/cgroup: %w", err)
	}
	return loopbackUp()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// do runs f on the room's thread.
func (r *room) do(f func() error) error {
	done := make(chan error)
	r.work <- func() { done <- f() }
	return <-done
}

// withoutUnified hides the cgroup2 tree beside cgroup v1 from what runs
// inside: crun refuses to run where that tree has a controller.
func (r *room) withoutUnified() {
	// Fails where there is none, which is what is wanted.
	_ = r.do(func() error { return unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH) })
}

// withLibraries lays a directory of libraries over the system's inside. (An
// environment variable does not do: podman does not hand it on to the process
// that cleans up behind a container.)
func (r *room) withLibraries(from, over string) error {
	return r.do(func() error {
		return unix.Mount("overlay", over, "overlay", unix.MS_RDONLY, "lowerdir="+from+":"+over)
	})
}

// start starts a process inside.
func (r *room) start(cmd *exec.Cmd) error {
	return r.do(cmd.Start)
}

// run starts a process inside and waits for it. A failure carries the end of
// what it said on stderr.
func (r *room) run(cmd *exec.Cmd) error {
	var said tail
	if cmd.Stderr == nil {
		cmd.Stderr = &said
	}
	if err := r.start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Args[0], err, said.String())
	}
	return nil
}

func (r *room) close() { close(r.work) }

// tail keeps the last of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - 600; over > 0 {
		t.kept = t.kept[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }

// end ends a process by its id and waits.
func end(p *os.Process) {
	if p == nil {
		return
	}
	p.Signal(unix.SIGTERM)
	p.Wait()
}
