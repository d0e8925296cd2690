//go:build linux

package volume

import (
	"errors"
	"net"
	"sync"

	"github.com/moby/sys/mount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/space"
)

// mounts are the volumes with a file system of their own that containers use.
type mounts struct {
	mu sync.Mutex
	of map[string]*mounted
}

// mounted is one of them. Its lock is held while the kernel mounts, which for a
// server that does not answer may be long.
type mounted struct {
	mu    sync.Mutex
	users map[string]bool // containers that run
}

func (m *mounts) get(name string) *mounted {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[name] == nil {
		m.of[name] = &mounted{users: map[string]bool{}}
	}
	return m.of[name]
}

// Mount returns the directory of a volume for a container's run, with what is
// mounted there if the volume's options say so. It is also how the next daemon
// learns of the run.
func (s *Service) Mount(name, container string) (dir string, err error) {
	v, err := s.Get(name)
	if err != nil || v.Plain() {
		return v.Dir, err
	}
	if v.Foreign() {
		return referring{Foreign{s}}.mount(&v, container)
	}
	d, err := parseOptions(v.Options)
	if err != nil {
		return "", fault.As(fault.Internal, err)
	}
	if d.Type == "" && d.Size == 0 {
		return v.Dir, nil
	}
	m := s.mounts.get(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.users) == 0 {
		if err := d.over(v.Dir); err != nil {
			return "", fault.Wrap(fault.Internal, err, "error while mounting volume '%s'", v.Dir)
		}
	}
	m.users[container] = true
	return v.Dir, nil
}

// over mounts a device at dir, if nothing is mounted there.
func (d device) over(dir string) error {
	there, err := mountinfo.Mounted(dir)
	if err != nil || there {
		return err
	}
	if d.Size > 0 {
		return fault.Wrap(fault.Internal, space.Over(dir), "failed to mount local volume")
	}
	known, err := d.resolved(func(host string) (*net.IPAddr, error) { return net.ResolveIPAddr("ip", host) })
	if err != nil {
		return err
	}
	err = d.masked(mount.Mount(known.Source, dir, known.Type, known.Options))
	return fault.Wrap(fault.Internal, err, "failed to mount local volume")
}

// Unmount is the end of a container's run. What its last user leaves is unmounted.
func (s *Service) Unmount(name, container string) error {
	v, err := s.Get(name)
	if err != nil || v.Plain() {
		return nil // what was removed meanwhile was unmounted for that
	}
	if v.Foreign() {
		return referring{Foreign{s}}.unmount(&v, container)
	}
	m := s.mounts.get(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.users, container)
	if len(m.users) > 0 {
		return nil
	}
	return fault.Wrap(fault.Internal, unmount(v.Dir), "error while unmounting volume '%s'", v.Dir)
}

// release ends a volume's mount, whoever uses it: no container has the volume any more.
func (s *Service) release(v *Volume) error {
	if v.Plain() {
		return nil
	}
	m := s.mounts.get(v.Name)
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.users)
	return unmount(v.Dir)
}

// Sweep unmounts what a daemon that was killed has left mounted and no container
// uses. Those that run have been told of by Mount. Plugins are told afterwards, when they answer.
func (s *Service) Sweep() error {
	defer referring{Foreign{s}}.settle()
	var errs []error
	for _, v := range s.List() {
		if v.Foreign() {
			continue
		}
		errs = append(errs, s.Unmount(v.Name, ""))
	}
	return errors.Join(errs...)
}

// unmount ends a mount; one that is busy, by a program of the host's, goes when it
// is not any more. A directory where nothing is mounted is left alone.
func unmount(dir string) error {
	if there, err := mountinfo.Mounted(dir); err != nil || !there {
		return err
	}
	err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	return err
}
