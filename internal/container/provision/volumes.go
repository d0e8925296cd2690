package provision

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path"
	"slices"

	"berth/internal/container/config"
	"berth/internal/container/notice"
	"berth/internal/container/record"
	"berth/internal/container/rootfs"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/linux/mount"

	"golang.org/x/sys/unix"
)

// Storage is what the host has of directories for containers.
type Storage struct{ *Host }

// Storage returns the host's directories for containers.
func (h *Host) Storage() Storage { return Storage{h} }

// MakeVolumes makes what the container's mounts need on the host: missing bind
// sources, named and anonymous volumes. Fresh volumes are filled from the image.
func (h Storage) MakeVolumes(ctx context.Context, c *record.Container, undo *Undo) error {
	mounts := slices.Clone(c.HostConfig.Mounts)
	taken := map[string]bool{}
	for _, m := range mounts {
		taken[path.Clean(m.Target)] = true
	}
	for t := range c.HostConfig.Tmpfs {
		taken[path.Clean(t)] = true
	}
	for _, target := range c.Config.Volumes {
		target = path.Join("/", target) // an image's may be relative
		if !taken[target] {
			mounts, taken[target] = append(mounts, config.Mount{Type: "volume", Target: target, Driver: c.HostConfig.VolumeDriver}), true
		}
	}
	if err := h.nameVolumes(c.ID, mounts); err != nil {
		return err
	}
	for i := range mounts {
		m := &mounts[i]
		switch m.Type {
		case "bind":
			if err := config.AroundRoot(m, path.Dir(h.deps.Paths.Data)); err != nil {
				return err
			}
			if m.Create {
				continue // its source is made at a start
			}
			if err := bindSource(*m); err != nil {
				return err
			}
		case "image":
			if err := h.chooseImage(ctx, c, m); err != nil {
				return err
			}
		case "volume":
			got, err := h.deps.Volumes.Claim(*m, c.ID)
			if err != nil {
				return err
			}
			m.Source, m.Keeper = got.Name, got.Keeper
			if m.Keeper != "" && m.ModeWords == "z" {
				m.ModeWords = "" // which stands for what the local driver's volumes are when nobody says
			}
			if got.Fresh {
				h.deps.Publish(notice.Volume(m.Source, m.VolumeDriver(), event.Create))
			}
			undo.Add(func() { h.leaveVolume(*m, c.ID, got.Fresh) })
		}
	}
	c.HostConfig.Mounts = mounts
	return h.fill(ctx, *c)
}

// KeepVolumes claims the volumes of a container that an earlier daemon has made, and with
// running what it has mounted of them.
func (h Storage) KeepVolumes(c record.Container, running bool) {
	for _, m := range c.HostConfig.Mounts {
		if m.Type != "volume" {
			continue
		}
		_, err := h.deps.Volumes.Claim(m, c.ID)
		if err == nil && running {
			_, err = h.deps.Volumes.Mount(m.Source, c.ID)
		}
		if err != nil {
			h.deps.Warn("container %s: %v", c.ID, err)
		}
	}
}

// bindSource checks a bind's source and makes a missing one when asked to.
func bindSource(m config.Mount) error {
	_, err := os.Stat(m.Source)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist) && m.Create:
		if err := os.MkdirAll(m.Source, 0o755); err != nil {
			return fault.New(fault.Internal, "error while creating mount source path '%s': %v", m.Source, err)
		}
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fault.New(fault.Invalid, "invalid mount config for type %q: bind source path does not exist: %s", m.Type, m.Source)
	}
	return fault.Wrap(fault.Invalid, err, "invalid mount config for type %q", m.Type)
}

// fill copies what the image has at the volumes' targets into those that hold nothing.
func (h Storage) fill(ctx context.Context, c record.Container) error {
	var root *os.File // mounted when it is needed
	defer func() { closeAll(root) }()
	for _, m := range c.HostConfig.Mounts {
		if m.Type != "volume" || m.NoCopy || m.Subpath != "" { // a part of it has to be there already
			continue
		}
		err := h.deps.Volumes.Fill(ctx, m.Source, func() (_ *os.File, beneath []*os.File, err error) {
			if root == nil {
				if root, err = h.mountRoot(ctx, c); err != nil {
					return nil, nil, err
				}
			}
			if err := placesIn(root, m.Target); err != nil {
				return nil, nil, err
			}
			src, err := mount.OpenIn(root, m.Target, unix.O_PATH|unix.O_DIRECTORY)
			switch {
			case errors.Is(err, os.ErrNotExist):
				return nil, nil, nil
			case errors.Is(err, unix.ENOTDIR):
				return nil, nil, fault.New(fault.Invalid, "source %s is not directory", m.Target)
			}
			if err != nil {
				return nil, nil, fault.Wrap(fault.Internal, err, "the volume for %s cannot be filled", m.Target)
			}
			return src, h.beneath(ctx, c, root, m.Target), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// placesIn makes the places for the network's files in a volume that is filled from where they are: a start could not make
// them in a volume that is read-only.
func placesIn(root *os.File, target string) error {
	if path.Clean(target) != "/etc" {
		return nil
	}
	for _, name := range []string{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"} {
		if err := mount.MakePlace(root, name, false); err != nil {
			return fault.Wrap(fault.Internal, err, "the place of %s cannot be made", name)
		}
	}
	return nil
}

// makeSources makes the sources of binds that are missing and are to be made, at a start, as Docker does.
func (h Storage) makeSources(c record.Container) error {
	for _, m := range c.HostConfig.Mounts {
		if m.Type != "bind" || !m.Create {
			continue
		}
		if err := bindSource(m); err != nil {
			return err
		}
	}
	return nil
}

// beneath opens a directory of a container's file system in each layer of the image that has it, the top-most
// first. What cannot be found there is only copied where it could be shared.
func (h Storage) beneath(ctx context.Context, c record.Container, root *os.File, target string) (dirs []*os.File) {
	lowers, err := h.deps.Images.Layers(ctx, c.Root())
	if err != nil {
		return nil
	}
	if target, err = mount.ResolveIn(root, target); err != nil {
		return nil
	}
	for _, lower := range lowers {
		layer, err := os.Open(lower)
		if err != nil {
			continue
		}
		dir, err := mount.OpenIn(layer, target, unix.O_PATH|unix.O_DIRECTORY)
		layer.Close()
		if err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// mountRoot mounts the container's file system, detached from the host's tree.
func (h Storage) mountRoot(ctx context.Context, c record.Container) (*os.File, error) {
	lowers, err := h.deps.Images.Layers(ctx, c.Root())
	if err != nil {
		return nil, err
	}
	root, err := cmp.Or(h.deps.Driver, rootfs.Overlay).Mount(ctx, lowers, h.deps.Paths.Dir(c.ID)+"/layer", h.overlay())
	return root, fault.Wrap(fault.Internal, err, "the container's file system cannot be mounted")
}

// Loose refuses to take the anonymous volumes of a container along when one of them is protected.
func Loose(h Storage, c record.Container) error {
	for _, m := range c.HostConfig.Mounts {
		if m.Type == "volume" && m.Anonymous && h.deps.Volumes.Protected(m.Source) {
			return fault.New(fault.Conflict, "cannot remove container %q with its volumes: volume %s is protected: it has the label berth.protect=true, and nothing removes it until it is unprotected", "/"+c.Name, m.Source)
		}
	}
	return nil
}

// LeaveVolumes releases the volumes of a container that is gone, and with remove
// takes its anonymous ones along, but for those that others have too.
func (h Storage) LeaveVolumes(c record.Container, remove bool) {
	for _, m := range c.HostConfig.Mounts {
		if m.Type == "volume" {
			h.leaveVolume(m, c.ID, remove && m.Anonymous)
		}
	}
}

func (h Storage) leaveVolume(m config.Mount, container string, remove bool) {
	h.deps.Volumes.Release(m.Source, container)
	if !remove {
		return
	}
	switch err := h.deps.Volumes.Remove(m.Source); {
	case err == nil:
		h.deps.Publish(notice.Volume(m.Source, m.VolumeDriver(), event.Destroy))
	case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound):
		h.deps.Warn("volume %s: %v", m.Source, err)
	}
}

// unmountVolumes is the end of a run, or of a look, for the file systems of its volumes.
func (h Storage) unmountVolumes(c record.Container, user string) {
	for _, m := range c.HostConfig.Mounts {
		if m.Type != "volume" {
			continue
		}
		if err := h.deps.Volumes.Unmount(m.Source, user); err != nil {
			h.deps.Warn("container %s: %v", c.ID, err)
		}
	}
}

// ThrowAway moves a container's directory out of sight and deletes it in the
// background: a large layer keeps nobody waiting. What a crash leaves in the
// trash the next start of the daemon deletes. A full disk may have no room for
// that: the directory is then deleted where it is.
func (h Storage) ThrowAway(id string) error {
	trash := h.deps.Paths.Data + "/.trash"
	if err := os.MkdirAll(trash, 0o700); err != nil {
		return unmake(h.deps.Paths.Dir(id))
	}
	to := trash + "/" + id
	if err := os.Rename(h.deps.Paths.Dir(id), to); os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return unmake(h.deps.Paths.Dir(id))
	}
	h.Later(func() {
		if err := unmake(to); err != nil {
			h.deps.Warn("%s: %v", to, err)
		}
	})
	return nil
}
