package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container"
	"berth/internal/container/notice"
	"berth/internal/container/rootfs"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/snapshot"
)

// ofContainers are the snapshots of containers' own layers.
func ofContainers(d *Daemon) snapshots {
	stills := container.Stills{Service: d.containers}
	subject := func(ref string) (snapshot.Subject, func(), error) {
		c, err := d.containers.Get(ref)
		if err != nil {
			return snapshot.Subject{}, nil, err
		}
		home := filepath.Join(d.cfg.DataRoot, "containers", c.ID)
		place, plain := rootfs.Place(home + "/layer")
		files, err := filepath.Rel(home, place)
		if err != nil {
			return snapshot.Subject{}, nil, fault.As(fault.Internal, err)
		}
		there := func(err error) error { // what is missing may have been removed just now
			if _, gone := d.containers.Get(c.ID); errors.Is(err, os.ErrNotExist) && gone != nil {
				return gone
			}
			return err
		}
		sub := snapshot.Subject{Title: "container " + c.Name, Home: home, Tree: files, Open: layer(home), Apart: !plain}
		sub.Still = func(ctx context.Context, window time.Duration, do func(context.Context) error) (time.Duration, error) {
			return stills.Hold(ctx, []string{c.ID}, window, func(ctx context.Context) error {
				if err := flush(d, c.ID); err != nil {
					return err
				}
				return there(do(ctx))
			})
		}
		sub.Idle = func(ctx context.Context, do func() error) error {
			return stills.Idle(ctx, []string{c.ID}, "container "+c.Name+" cannot be rolled back while it runs", func() error { return there(do()) })
		}
		return sub, func() {}, nil
	}
	return snapshots{d.snapshots, subject, func(sub snapshot.Subject, action string, more event.Attributes) {
		c, err := d.containers.Get(filepath.Base(sub.Home))
		if err != nil {
			return // it has been removed since
		}
		m := notice.Of(&c, action)
		maps.Copy(m.Attributes, more)
		d.events.Publish(m)
	}, func() (homes []string) {
		for _, c := range d.containers.List() {
			homes = append(homes, filepath.Join(d.cfg.DataRoot, "containers", c.ID))
		}
		return homes
	}}
}

// flush writes what a running container has written to the files of its layer. Overlays of the kernel share their pages
// with those; fuse-overlayfs is told of what open files have been given when the kernel writes it back, or is asked to.
func flush(d *Daemon, id string) error {
	c, err := d.containers.Get(id)
	if err != nil || d.driver != rootfs.Fuse || c.Run.Pid == 0 {
		return err
	}
	root, err := os.OpenFile(fmt.Sprintf("/proc/%d/root", c.Run.Pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil // it has ended
	}
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	defer root.Close()
	return fault.As(fault.Internal, os.NewSyscallError("syncfs", unix.Syncfs(int(root.Fd()))))
}

// layer opens a container's own files.
func layer(home string) func() (dir string, shut func(), err error) {
	return func() (string, func(), error) { return rootfs.Dir(home + "/layer") }
}
