package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/plugin"
	"berth/internal/plugin/volumedriver"
	"berth/internal/space"
	"berth/internal/volume"
)

// volumes shows the volumes as the rooms above see them, with what they hold, and
// tells of what happens to them.
type volumes struct {
	*volume.Service
	plugins *plugin.Registry
	keep    time.Duration // for which the trash has removed ones
	publish func(event.Message)
}

// open opens the volumes and finds those who make some besides us.
func (s *volumes) open(cfg Config) (err error) {
	if s.Service, err = volume.Open(cfg.DataRoot + "/volumes"); err != nil {
		return err
	}
	s.keep = time.Duration(cfg.Volumes.Trash)
	limits := plugin.DockerLimits()
	s.plugins = plugin.New(cfg.Volumes.PluginRoot, limits)
	s.Use(&volumedriver.Drivers{Registry: s.plugins, Look: limits.Look})
	return nil
}

// close ends what plugins are asked, so that nobody who waits for one delays the daemon's end.
func (s *volumes) close() {
	if s.Service != nil {
		s.plugins.Close()
		s.Close()
	}
}

// drivers are the names of the drivers that have been used, or have volumes.
func (s volumes) drivers() []string {
	names := append(s.plugins.Active(volumedriver.Kind), volume.Local)
	for _, v := range s.List() {
		names = append(names, v.Driver)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Claim makes the volume of a container's mount.
func (s volumes) Claim(m config.Mount, container string) (provision.Claimed, error) {
	r := volume.Request{Name: m.Source, Driver: m.Driver, Options: m.DriverOptions, Labels: m.VolumeLabels}
	if m.Anonymous {
		r = r.Unnamed()
	}
	v, fresh, err := s.Service.Claim(r, container)
	got := provision.Claimed{Name: v.Name, Fresh: fresh}
	if v.Foreign() {
		got.Keeper = v.Driver
	}
	return got, err
}

// Create makes a volume.
func (s volumes) Create(r volume.Request) (volume.Volume, error) {
	v, fresh, err := s.Service.Create(r)
	if fresh {
		s.publish(notice.Volume(v.Name, v.Driver, event.Create))
	}
	return v, err
}

// Delete removes a volume that nobody uses: one with a name goes to the trash, unless it is
// to be purged. With force a plugin's is forgotten even if the plugin does not remove it.
func (s volumes) Delete(name string, o volume.Removal) error {
	v, err := s.Get(name)
	if err != nil { // it may be a plugin's that nobody here has used
		if v, err = s.Lookup(name); err == nil {
			_, _, err = s.Service.Create(volume.Request{Name: name, Driver: v.Driver})
		}
	}
	switch {
	case err != nil:
	case v.Foreign() && o.Force:
		err = volume.Foreign{Service: s.Service}.Abandon(name)
	case v.Foreign() || v.Anonymous() || o.Purge || s.keep == 0:
		err = s.Remove(name)
	default:
		if _, err = (volume.Trash{Service: s.Service}).Put(name); errors.Is(err, unix.ENOSPC) {
			err = s.Remove(name) // a full disk wants room at once
		}
	}
	if err == nil {
		s.publish(notice.Volume(name, v.Driver, event.Destroy))
	}
	return err
}

// Prune removes the volumes that match and that nobody uses, but for those with
// options, which may be of data that lies elsewhere. Before that it empties the trash if it
// is told to. When ctx ends it has removed some of them. As in Docker it
// counts what is out of use by it, be it in the trash.
func (s volumes) Prune(ctx context.Context, matches func(volume.Volume) bool, empty bool) (names []string, reclaimed int64, err error) {
	if empty {
		if _, _, err = (trash{s}).Empty(ctx, nil); err != nil {
			return nil, 0, err
		}
	}
	for _, v := range s.List() {
		if err = ctx.Err(); err != nil {
			break
		}
		if len(s.Users(v.Name)) > 0 || !v.Here() || v.Protected() || !matches(v) {
			continue
		}
		size, err := s.Size(ctx, v)
		if err == nil {
			err = s.Delete(v.Name, volume.Removal{})
		}
		switch {
		case err == nil:
			names, reclaimed = append(names, v.Name), reclaimed+size
		case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound): // a container was faster, or a client
			return names, reclaimed, err
		}
	}
	s.publish(notice.Pruned(event.Volume, reclaimed))
	return names, reclaimed, fault.As(fault.Cancelled, err)
}

// Size is what a volume holds, in bytes.
func (volumes) Size(ctx context.Context, v volume.Volume) (int64, error) {
	o, err := space.Open(v.Dir)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, err, "the size of volume %s cannot be found", v.Name)
	}
	defer o.Close()
	size, err := space.Size(ctx, o.Path)
	return size, fault.Wrap(fault.Internal, err, "the size of volume %s cannot be found", v.Name)
}

// Survey is List with what plugins have, and why some do not say.
func (s volumes) Survey() ([]volume.Volume, []string) {
	return volume.Foreign{Service: s.Service}.Survey()
}

// Lookup is Get with what a plugin says of its volume.
func (s volumes) Lookup(name string) (volume.Volume, error) {
	return volume.Foreign{Service: s.Service}.Lookup(name)
}

// Protected reports whether a volume's label keeps it from being removed.
func (s volumes) Protected(name string) bool {
	v, err := s.Get(name)
	return err == nil && v.Protected()
}

// dir is where a volume's data is, as far as is known without asking anybody.
func (s volumes) dir(name string) string {
	v, _ := s.Get(name)
	return v.Dir
}

// sweep unmounts what no container uses of what an earlier daemon has mounted.
func (s volumes) sweep(warn func(format string, args ...any)) {
	if err := s.Sweep(); err != nil {
		warn("%v", err)
	}
}
