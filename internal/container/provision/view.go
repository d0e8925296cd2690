package provision

import (
	"context"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/archive"
	"berth/internal/container/config"
	"berth/internal/container/ocispec"
	"berth/internal/container/record"
	"berth/internal/idmap"
	"berth/internal/linux/mount"
)

// View makes a view of a container's file system, without its volumes: of the
// running one, or with nil of one that does not run. Such a one is mounted for as long as the view
// is there, and must not be started meanwhile: two overlays over one layer see each other's changes late.
func (h Storage) View(ctx context.Context, c record.Container, running *Holdings) (*mount.View, error) {
	if running != nil {
		return mount.LookInto(running.Pidfd, running.Rootfs)
	}
	h.Warmth().Forget(c.ID) // it may have been mounted for a start to come
	root, err := h.mountRoot(ctx, c)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return mount.Look(root, c.HostConfig.ReadonlyRootfs)
}

// Binds are what is mounted into a container from the host, as Docker lets it be seen
// from outside: volumes, bind mounts and the files of the network, and nothing that is only in memory. root is the container's file system,
// where users are looked up.
func (h Storage) Binds(c record.Container, root *os.File) ([]mount.Bind, error) {
	if err := h.makeSources(c); err != nil { // as a start does
		return nil, err
	}
	c = wiring(h).withFiles(c)
	var list []mount.Bind
	taken := map[string]bool{}
	for _, m := range c.HostConfig.Mounts {
		taken[path.Clean(m.Target)] = true
		b := mount.Bind{Source: m.Source, Target: path.Clean(m.Target), ReadOnly: m.ReadOnly, Alone: m.NonRecursive}
		switch m.Type {
		case "image":
			b.ReadOnly, b.Take = true, func() (*os.File, error) { return h.image(c, m) }
			list = append(list, b)
		case "bind":
			if m.IDMapping != nil {
				b.Take = func() (*os.File, error) { return mappedBind(h.wish(c), root, m) }
			}
			list = append(list, b)
		case "volume":
			dir, err := h.deps.Volumes.Mount(m.Source, viewer(c))
			if err != nil {
				return nil, err
			}
			b.Source, b.Below = dir, m.Subpath
			list = append(list, b)
		}
	}
	for _, f := range [][2]string{{"/etc/resolv.conf", c.ResolvConfPath}, {"/etc/hostname", c.HostnamePath}, {"/etc/hosts", c.HostsPath}} {
		if _, err := os.Stat(f[1]); err == nil && !taken[f[0]] { // else it has never been started
			list = append(list, mount.Bind{Source: f[1], Target: f[0], ReadOnly: c.HostConfig.ReadonlyRootfs})
		}
	}
	slices.SortStableFunc(list, func(a, b mount.Bind) int {
		return strings.Count(a.Target, "/") - strings.Count(b.Target, "/")
	})
	return list, nil
}

// mappedBind takes a bind whose files are the container's user's in it. Here all others' are there, too: who copies may
// read and make them, and has no part in what the container may do.
func mappedBind(w ocispec.Wish, root *os.File, m config.Mount) (*os.File, error) {
	uids, gids, err := w.Owners(root, m)
	if err != nil {
		return nil, err
	}
	return mount.Mapped(m.Source, swapped(uids[0]), swapped(gids[0]), !m.NonRecursive, !m.NonRecursive)
}

func swapped(one specs.LinuxIDMapping) (all []specs.LinuxIDMapping) {
	for _, e := range idmap.Swap(one.ContainerID, one.HostID) {
		all = append(all, specs.LinuxIDMapping{ContainerID: e.Host, HostID: e.Inside, Size: e.Size})
	}
	return all
}

// Unbind is the end of a view that Binds was for.
func (h Storage) Unbind(c record.Container) { h.unmountVolumes(c, viewer(c)) }

// viewer is the user of volumes who looks at a container's files.
func viewer(c record.Container) string { return "view of " + c.ID }

// Layer is the container's own layer and the image's below it, to be read until release is called.
func (h Storage) Layer(ctx context.Context, c record.Container) (layer archive.Layer, release func(), err error) {
	lowers, err := h.deps.Images.Layers(ctx, c.Root())
	if err != nil {
		return archive.Layer{}, nil, err
	}
	return h.deps.Driver.Layer(lowers, h.deps.Paths.Dir(c.ID)+"/layer")
}
