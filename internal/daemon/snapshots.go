package daemon

import (
	"context"
	"crypto/rand"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/internal/container"
	"berth/internal/container/notice"
	"berth/internal/container/rootfs"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/snapshot"
	"berth/internal/volume"
)

// snapshots are those of one kind of subject, by its names, with their events.
type snapshots struct {
	*snapshot.Service
	// subject finds one, and keeps it from being removed until release.
	subject func(ref string) (sub snapshot.Subject, release func(), err error)
	tell    func(sub snapshot.Subject, action string, more event.Attributes)
	homes   func() []string // of all
}

// Usage is what all snapshots take, in bytes.
func (s snapshots) Usage(ctx context.Context) (sum int64, err error) {
	for _, home := range s.homes() {
		n, err := s.Service.Usage(ctx, home)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Take takes a snapshot.
func (s snapshots) Take(ctx context.Context, ref string, w snapshot.Wish) (snapshot.Snapshot, error) {
	sub, release, err := s.subject(ref)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	defer release()
	x, err := s.Service.Take(ctx, sub, w)
	if err == nil {
		s.tell(sub, event.Snapshot, described(x))
	}
	return x, err
}

// described is what the events of a snapshot say of it.
func described(x snapshot.Snapshot) event.Attributes {
	a := event.Attributes{"snapshot": x.ID}
	if x.Name != "" {
		a["snapshotName"] = x.Name
	}
	return a
}

// List returns all of one, the oldest first.
func (s snapshots) List(ref string) ([]snapshot.Snapshot, error) {
	sub, release, err := s.subject(ref)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.Service.List(sub.Home)
}

// Get finds a snapshot.
func (s snapshots) Get(ref, name string) (snapshot.Snapshot, error) {
	sub, release, err := s.subject(ref)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	defer release()
	return s.Service.Get(sub, name)
}

// Unique is what of a snapshot nothing else has, in bytes.
func (s snapshots) Unique(ctx context.Context, ref, name string) (int64, error) {
	sub, release, err := s.subject(ref)
	if err != nil {
		return 0, err
	}
	defer release()
	return s.Service.Unique(ctx, sub, name)
}

// Remove removes a snapshot.
func (s snapshots) Remove(ctx context.Context, ref, name string) error {
	sub, release, err := s.subject(ref)
	if err != nil {
		return err
	}
	defer release()
	x, err := s.Service.Remove(ctx, sub, name)
	if err == nil {
		s.tell(sub, event.SnapshotRemove, described(x))
	}
	return err
}

// Rollback puts the files back as a snapshot has them, and returns that of what they were.
func (s snapshots) Rollback(ctx context.Context, ref, name string) (snapshot.Snapshot, error) {
	sub, release, err := s.subject(ref)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	defer release()
	before, to, err := s.Service.Rollback(ctx, sub, name)
	if err == nil {
		more := described(to)
		more["before"] = before.ID
		s.tell(sub, event.Rollback, more)
	}
	return before, err
}

// ofVolumes are the snapshots of volumes.
func ofVolumes(d *Daemon) volumeSnapshots {
	s := volumeSnapshots{volumes: d.volumes, stills: container.Stills{Service: d.containers}}
	s.snapshots = snapshots{d.snapshots, s.subject, func(sub snapshot.Subject, action string, more event.Attributes) {
		m := notice.Volume(filepath.Base(sub.Home), volume.Local, action)
		maps.Copy(m.Attributes, more)
		d.events.Publish(m)
	}, func() (homes []string) {
		for _, v := range d.volumes.List() {
			if !v.Foreign() {
				homes = append(homes, filepath.Dir(v.Dir))
			}
		}
		return homes
	}}
	return s
}

type volumeSnapshots struct {
	snapshots
	volumes volumes
	stills  container.Stills
}

func (s volumeSnapshots) subject(name string) (snapshot.Subject, func(), error) {
	me := "snapshot " + rand.Text()
	v, err := s.volumes.Hold(name, me)
	if err != nil {
		return snapshot.Subject{}, nil, err
	}
	release := func() { s.volumes.Release(name, me) }
	if v.Foreign() {
		release()
		return snapshot.Subject{}, nil, fault.New(fault.Unsupported, "volume %s is of the driver %s: snapshots are of volumes of the local driver", name, v.Driver)
	}
	sub := snapshot.Subject{Title: "volume " + v.Name, Home: filepath.Dir(v.Dir), Tree: filepath.Base(v.Dir)}
	sub.Still = func(ctx context.Context, window time.Duration, do func(context.Context) error) (stood time.Duration, err error) {
		for known := s.containers(name); ; {
			stood, err = s.stills.Hold(ctx, known, window, do)
			now := s.containers(name)
			if err != nil || !slices.ContainsFunc(now, func(id string) bool { return !slices.Contains(known, id) }) {
				return stood, err
			}
			known = now // somebody new may have written meanwhile
		}
	}
	sub.Idle = func(ctx context.Context, do func() error) error {
		if !v.Here() {
			return fault.New(fault.Unsupported, "volume %s has a file system of its own and cannot be rolled back; a clone of the snapshot can be made", name)
		}
		return s.stills.Idle(ctx, s.containers(name), "volume "+name+" is in use and cannot be rolled back", do)
	}
	if v.Here() && !v.Plain() {
		sub.Swap = func(dir string, fill func(*os.File) error) (func() error, func(), error) {
			return volume.Swap(s.volumes.Service, name, dir, fill)
		}
	}
	sub.Open = func() (dir string, shut func(), err error) {
		dir, err = s.volumes.Mount(name, me)
		return dir, func() {
			if err := s.volumes.Unmount(name, me); err != nil {
				s.stills.Warn("volume %s: %v", name, err)
			}
		}, err
	}
	return sub, release, nil
}

// containers are the users of a volume that are containers.
func (s volumeSnapshots) containers(name string) []string {
	return slices.DeleteFunc(s.volumes.Users(name), func(user string) bool { return strings.Contains(user, " ") })
}

// Clone makes a volume that holds what another does, or a snapshot of it. It has that one's labels
// too.
func (s volumeSnapshots) Clone(ctx context.Context, of, name string, r volume.Request) (volume.Volume, error) {
	sub, release, err := s.subject(of)
	if err != nil {
		return volume.Volume{}, err
	}
	defer release()
	from, err := s.volumes.Get(of)
	if err != nil {
		return volume.Volume{}, err
	}
	labels := maps.Clone(from.Labels)
	delete(labels, volume.AnonymousLabel)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, r.Labels)
	r.Labels = labels
	if size, sized := from.Options["size"]; sized && r.Options["size"] == "" { // it has that one's size too
		r.Options = maps.Clone(r.Options)
		if r.Options == nil {
			r.Options = map[string]string{}
		}
		r.Options["size"] = size
	}
	v, err := s.volumes.CreateFrom(r, func(into *os.File) error { return s.Service.Clone(ctx, sub, name, into) })
	if err != nil {
		return volume.Volume{}, err
	}
	s.volumes.publish(notice.Volume(v.Name, v.Driver, event.Create))
	s.tell(sub, event.Clone, event.Attributes{"clone": v.Name})
	return v, nil
}

// recoverSnapshots ends what a killed daemon was doing to snapshots, before anybody uses what they are of.
func recoverSnapshots(d *Daemon) error {
	for _, v := range d.volumes.List() {
		if v.Foreign() {
			continue
		}
		if err := d.snapshots.Recover(filepath.Dir(v.Dir), filepath.Base(v.Dir), nil); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(filepath.Join(d.cfg.DataRoot, "containers"))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the containers' directories cannot be listed")
	}
	for _, e := range list {
		home := filepath.Join(d.cfg.DataRoot, "containers", e.Name())
		place, _ := rootfs.Place(home + "/layer")
		files, err := filepath.Rel(home, place)
		if err == nil {
			err = d.snapshots.Recover(home, files, layer(home))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
