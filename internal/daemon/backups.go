package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"berth/internal/archive"
	"berth/internal/archive/compression"
	"berth/internal/backup"
	"berth/internal/container"
	"berth/internal/container/notice"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/remote"
	"berth/internal/snapshot"
	"berth/internal/volume"
)

// backups carry volumes out of the engine and into it: as backups and as tar archives.
type backups struct {
	*backup.Service
	volumes volumeSnapshots
}

func newBackups(d *Daemon, registries *remote.Client) backups {
	return backups{backup.New(registries, d.cfg.DataRoot), ofVolumes(d)}
}

// Backup makes a backup of a volume.
func (b backups) Backup(ctx context.Context, name string, to backup.Spot, tell backup.Tell) (backup.Backup, error) {
	sub, release, err := b.volumes.subject(name)
	if err != nil {
		return backup.Backup{}, err
	}
	defer release()
	v, err := b.volumes.volumes.Get(name)
	if err != nil {
		return backup.Backup{}, err
	}
	made, err := b.Make(ctx, backup.Subject{
		Volume: backup.Volume{Name: v.Name, Created: v.Created, Options: v.Options, Labels: v.Labels},
		Live:   func() (*os.File, func(), error) { return open(sub) },
		Frozen: func(ctx context.Context, do func(*os.File) error) error { return b.frozen(ctx, sub, do) },
	}, to, tell)
	if err == nil {
		b.volumes.tell(sub, event.Backup, event.Attributes{"backup": made.Tag, "digest": made.Target.Digest.String()})
	}
	return made, err
}

// open opens the files of a volume where they are.
func open(sub snapshot.Subject) (*os.File, func(), error) {
	place, shut := filepath.Join(sub.Home, sub.Tree), func() {}
	if sub.Open != nil {
		var err error
		if place, shut, err = sub.Open(); err != nil {
			return nil, nil, err
		}
	}
	dir, err := openDir(place)
	if err != nil {
		shut()
		return nil, nil, err
	}
	return dir, func() { dir.Close(); shut() }, nil
}

func openDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	return f, fault.Wrap(fault.Internal, err, "a directory of volumes cannot be opened")
}

// frozen lets do read a copy of a volume's files as they were at one moment. It lies where what a killed daemon was
// making of volumes lies, and goes as that does.
func (b backups) frozen(ctx context.Context, sub snapshot.Subject, do func(*os.File) error) (err error) {
	aside, err := volume.Aside(b.volumes.volumes.Service)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	copied := filepath.Join(aside, "copy")
	if err := os.Mkdir(copied, 0o700); err != nil {
		return fault.Wrap(fault.Internal, err, "the volume cannot be copied")
	}
	dir, err := openDir(copied)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := b.volumes.Service.Clone(ctx, sub, "", dir); err != nil {
		return err
	}
	return do(dir)
}

// Restore makes a volume of a backup. One that there is has to be replaced on purpose.
func (b backups) Restore(ctx context.Context, from backup.Spot, name string, replace bool, tell backup.Tell) (backup.Backup, error) {
	made, err := b.Service.Restore(ctx, from, name, func(v backup.Volume, fill func(*os.File) error) error {
		labels := maps.Clone(v.Labels)
		delete(labels, volume.AnonymousLabel)
		_, err := b.make(ctx, volume.Request{Name: v.Name, Labels: labels}, replace, "before a backup was restored", fill)
		return err
	}, tell)
	if err == nil {
		m := notice.Volume(made.Volume.Name, volume.Local, event.Restore)
		m.Attributes["backup"] = made.Tag
		b.volumes.volumes.publish(m)
	}
	return made, err
}

// make makes a volume of what fill puts into a directory, all of it or nothing. With replace that takes the place of what is in a volume
// that there is, and without only if there is nothing in it. What was there is kept as a snapshot.
func (b backups) make(ctx context.Context, r volume.Request, replace bool, reason string, fill func(*os.File) error) (fresh bool, err error) {
	if _, err := b.volumes.volumes.Get(r.Name); fault.Is(err, fault.NotFound) {
		_, err := b.volumes.volumes.CreateFrom(r, func(into *os.File) error { return filled(into, fill) })
		if err == nil {
			b.volumes.volumes.publish(notice.Volume(r.Name, volume.Local, event.Create))
		}
		return true, err
	}
	sub, release, err := b.volumes.subject(r.Name)
	if err != nil {
		return false, err
	}
	defer release()
	if !b.volumes.volumes.Plain(r.Name) {
		return false, fault.New(fault.Unsupported, "volume %s has a file system of its own and cannot be replaced", r.Name)
	}
	if empty, err := isEmpty(filepath.Join(sub.Home, sub.Tree)); err != nil || !empty && !replace {
		return false, errors.Join(err, fault.New(fault.Conflict, "volume %s is there and not empty: with --replace what is in it is replaced, and kept as a snapshot", r.Name))
	}
	sub.Idle = func(ctx context.Context, do func() error) error {
		return b.volumes.stills.Idle(ctx, b.volumes.containers(r.Name), "volume "+r.Name+" is in use and cannot be replaced", do)
	}
	before, err := b.volumes.Service.Replace(ctx, sub, reason, fill)
	if err == nil {
		b.volumes.tell(sub, event.Snapshot, described(before))
	}
	return false, err
}

// filled is a directory with what fill puts into it. That is on the disk when this returns.
func filled(dir *os.File, fill func(*os.File) error) error {
	if err := fill(dir); err != nil {
		return err
	}
	return fault.Wrap(fault.Internal, unix.Syncfs(int(dir.Fd())), "the volume cannot be put on the disk")
}

func isEmpty(path string) (bool, error) {
	dir, err := openDir(path)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, fault.Wrap(fault.Internal, err, "the volume cannot be looked at")
}

// Export writes a volume's files as a tar archive, the volume's directory with them as "./". While containers run
// that have the volume, it is a copy of one moment that is read.
func (b backups) Export(ctx context.Context, name string, begin func() io.Writer) error {
	sub, release, err := b.volumes.subject(name)
	if err != nil {
		return err
	}
	defer release()
	pack := func(dir *os.File) error {
		all, err := archive.Locate(dir, "/.")
		if err != nil {
			return err
		}
		defer all.Close()
		return all.Pack(archive.NewPacker(ctx, begin()))
	}
	if b.running(name) {
		return b.frozen(ctx, sub, pack)
	}
	dir, shut, err := open(sub)
	if err != nil {
		return err
	}
	defer shut()
	return pack(dir)
}

// running tells whether a container runs that has a volume.
func (b backups) running(name string) bool {
	for _, id := range b.volumes.containers(name) {
		if c, err := b.volumes.stills.Get(id); err == nil && c.State == container.Running {
			return true
		}
	}
	return false
}

// Import makes a volume of a tar archive, which may be compressed.
func (b backups) Import(ctx context.Context, r volume.Request, from io.Reader, replace bool) (volume.Volume, error) {
	_, err := b.make(ctx, r, replace, "before an archive was imported", func(dir *os.File) error {
		text, _, err := compression.Decompress(from)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the archive cannot be read")
		}
		defer text.Close()
		return archive.Unpack(ctx, dir, "/", text, archive.UnpackOptions{Itself: true})
	})
	if err != nil {
		return volume.Volume{}, theirs(err)
	}
	return b.volumes.volumes.Get(r.Name)
}

// theirs gives an error of an import the kind of a full disk where it is about that.
func theirs(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, fs.ErrPermission) {
		return fault.As(fault.Unavailable, err)
	}
	return err
}
