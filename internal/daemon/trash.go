package daemon

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/space"
	"berth/internal/volume"
)

// trashKept is how long a volume is kept in the trash unless the configuration says
// otherwise: until whoever has removed the wrong one is back at work (decision 30).
const trashKept = 24 * time.Hour

// trashLow is how much of the file system has to be free for the trash to be left alone: a
// tenth of it, and no more than this, in bytes.
const trashLow = 10 << 30

// trash is the volumes that were removed and can be had back.
type trash struct{ volumes }

func (s trash) bin() volume.Trash { return volume.Trash{Service: s.Service} }

// List is what is in the trash, and with sizes what each takes, in bytes.
func (s trash) Trashed(ctx context.Context, sizes bool) ([]volume.Trashed, error) {
	list, err := s.bin().List()
	for i := range list {
		if !sizes || err != nil {
			break
		}
		list[i].Size, err = s.size(ctx, list[i])
	}
	return list, err
}

// size is 0 for one that has just gone.
func (s trash) size(ctx context.Context, x volume.Trashed) (int64, error) {
	if !s.bin().Has(x.ID) {
		return 0, nil
	}
	size, err := space.Size(ctx, x.Home)
	if err != nil && !s.bin().Has(x.ID) {
		return 0, nil
	}
	return size, fault.Wrap(fault.Internal, err, "the size of volume %s in the trash cannot be found", x.ID)
}

// Keep is how long volumes stay in the trash.
func (s trash) Keep() time.Duration { return s.keep }

// Restore takes a volume out of the trash.
func (s trash) Restore(ref, name string) (volume.Volume, error) {
	v, err := s.bin().Restore(ref, name)
	if err == nil {
		s.publish(notice.Volume(v.Name, v.Driver, event.Restore))
	}
	return v, err
}

// Empty deletes what is in the trash: all, or what refs name. When ctx ends it has deleted
// some of it.
func (s trash) Empty(ctx context.Context, refs []string) (ids []string, reclaimed int64, err error) {
	var list []volume.Trashed
	if len(refs) == 0 {
		list, err = s.bin().List()
	}
	for _, ref := range refs {
		x, err := s.bin().Find(ref)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, x)
	}
	for _, x := range list {
		size, oneErr := s.size(ctx, x)
		if oneErr == nil {
			oneErr = s.purge(x)
		}
		if fault.Is(oneErr, fault.NotFound) {
			continue // somebody was faster
		}
		if err = oneErr; err != nil {
			return ids, reclaimed, err
		}
		ids, reclaimed = append(ids, x.ID), reclaimed+size
	}
	return ids, reclaimed, err
}

func (s trash) purge(x volume.Trashed) error {
	err := s.bin().Purge(x.ID)
	if err == nil {
		s.publish(notice.Volume(x.Name, x.Driver, event.Purge))
	}
	return err
}

// Protect keeps a volume from being removed, or lets it be again.
func (s trash) Protect(name string, protected bool) (volume.Volume, error) {
	return volume.Protect(s.Service, name, protected)
}

// Rename gives a volume that no container has another name.
func (s trash) Rename(name, to string) (volume.Volume, error) {
	v, err := volume.Rename(s.Service, name, to)
	if err == nil {
		m := notice.Volume(v.Name, v.Driver, event.Rename)
		m.Attributes["oldName"] = name
		s.publish(m)
	}
	return v, err
}

// keepTrash deletes what was in the trash for long enough, and what has been there longest
// when the disk is nearly full, until ctx is done.
func (d *Daemon) keepTrash(ctx context.Context) {
	bin := trash{d.volumes}
	for {
		if err := bin.tend(ctx, time.Now(), d.cfg.DataRoot); err != nil && ctx.Err() == nil {
			d.log.Error("the volumes' trash: " + err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(budgetPause):
		}
	}
}

// tend looks at the trash once.
func (s trash) tend(ctx context.Context, now time.Time, root string) error {
	list, err := s.bin().List()
	if err != nil || len(list) == 0 {
		return err
	}
	gone := volume.Expired(list, now, s.keep)
	for _, x := range gone {
		if err := s.purge(x); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return fault.As(fault.Internal, err)
	}
	short := lacking(int64(fs.Blocks)*fs.Bsize, int64(fs.Bavail)*fs.Bsize)
	for _, x := range list[len(gone):] {
		if short <= 0 {
			break
		}
		size, err := s.size(ctx, x)
		if err == nil {
			err = s.purge(x)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		short -= size
	}
	return nil
}

// lacking is how many bytes would have to be free for the trash to be left alone.
func lacking(total, free int64) int64 { return min(total/10, trashLow) - free }

// keepValue is how long the trash keeps volumes; 0 is not at all.
type keepValue time.Duration

func (v *keepValue) Set(s string) error {
	d, err := time.ParseDuration(cmp.Or(s, "?"))
	if err != nil || d < 0 {
		return fault.New(fault.Invalid, "invalid duration for the volumes' trash: %q", s)
	}
	*v = keepValue(d)
	return nil
}
func (v *keepValue) Type() string   { return "duration" }
func (v *keepValue) String() string { return time.Duration(*v).String() }
