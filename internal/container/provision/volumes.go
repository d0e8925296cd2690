package provision

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/notice"
	"berth/internal/container/record"
	"berth/internal/container/rootfs"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/linux/mount"
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
		if !taken[path.Clean(target)] {
			mounts = append(mounts, config.Mount{Type: "volume", Target: target})
		}
	}
	var fresh []config.Mount
	for i := range mounts {
		m := &mounts[i]
		switch m.Type {
		case "bind":
			if err := bindSource(*m); err != nil {
				return err
			}
		case "volume":
			if m.Source == "" {
				m.Source, m.Anonymous = record.NewID(), true
			}
			_, isNew, err := h.deps.Volumes.Ensure(m.Source)
			if err != nil {
				return err
			}
			if isNew {
				name := m.Source
				h.deps.Publish(notice.Volume(name, event.Create))
				undo.Add(func() { h.removeVolume(name) })
				fresh = append(fresh, *m)
			}
		}
	}
	c.HostConfig.Mounts = mounts
	return h.fill(ctx, *c, fresh)
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

// fill copies what the image has at a volume's target into the fresh volume.
func (h Storage) fill(ctx context.Context, c record.Container, fresh []config.Mount) error {
	if len(fresh) == 0 {
		return nil
	}
	root, err := h.mountRoot(ctx, c)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, m := range fresh {
		if m.NoCopy || m.Subpath != "" { // a part of it has to be there already
			continue
		}
		src, err := mount.OpenIn(root, m.Target, unix.O_PATH|unix.O_DIRECTORY)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			return fault.Wrap(fault.Internal, err, "the volume for %s cannot be filled", m.Target)
		}
		err = h.deps.Volumes.Fill(m.Source, "/proc/self/fd/"+strconv.Itoa(int(src.Fd())))
		src.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// mountRoot mounts the container's file system, detached from the host's tree.
func (h Storage) mountRoot(ctx context.Context, c record.Container) (*os.File, error) {
	lowers, err := h.deps.Images.Layers(ctx, c.ImageID)
	if err != nil {
		return nil, err
	}
	root, err := cmp.Or(h.deps.Driver, rootfs.Overlay).Mount(ctx, lowers, h.deps.Paths.Dir(c.ID)+"/layer", h.overlay())
	return root, fault.Wrap(fault.Internal, err, "the container's file system cannot be mounted")
}

// RemoveVolumes removes the anonymous volumes of a container that is gone.
func (h Storage) RemoveVolumes(c record.Container) {
	for _, m := range c.HostConfig.Mounts {
		if m.Type == "volume" && m.Anonymous {
			h.removeVolume(m.Source)
		}
	}
}

func (h Storage) removeVolume(name string) {
	if err := h.deps.Volumes.Remove(name); err != nil {
		h.deps.Warn("volume %s: %v", name, err)
		return
	}
	h.deps.Publish(notice.Volume(name, event.Destroy))
}

// ThrowAway moves a container's directory out of sight and deletes it in the
// background: a large layer keeps nobody waiting. What a crash leaves in the
// trash the next start of the daemon deletes. A full disk may have no room for
// that: the directory is then deleted where it is.
func (h Storage) ThrowAway(id string) error {
	trash := h.deps.Paths.Data + "/.trash"
	if err := os.MkdirAll(trash, 0o700); err != nil {
		return os.RemoveAll(h.deps.Paths.Dir(id))
	}
	to := trash + "/" + id
	if err := os.Rename(h.deps.Paths.Dir(id), to); os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return os.RemoveAll(h.deps.Paths.Dir(id))
	}
	h.Later(func() {
		if err := os.RemoveAll(to); err != nil {
			h.deps.Warn("%s: %v", to, err)
		}
	})
	return nil
}
