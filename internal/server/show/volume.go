package show

import (
	"time"

	store "berth/internal/volume"

	"github.com/moby/moby/api/types/volume"
)

// Volume is a volume as lists and inspect show it.
func Volume(v store.Volume) volume.Volume {
	return volume.Volume{
		Name: v.Name, Driver: v.Driver, Mountpoint: v.Dir, Scope: v.Scope, CreatedAt: createdAt(v),
		Labels: v.Labels, Options: v.Options, Status: v.Status,
	}
}

// createdAt is when a volume was made; a plugin need not say.
func createdAt(v store.Volume) string {
	if v.Created.IsZero() {
		return ""
	}
	return v.Created.Local().Format(time.RFC3339)
}

// UsedVolume is a volume with what it holds and who has it.
type UsedVolume struct {
	volume.Volume
	UsedBy []VolumeUser
}

// VolumeUser is who has a volume: a container, or for a moment something of the engine's.
type VolumeUser struct {
	ID      string
	Name    string
	Running bool
}

// Trashed is a volume in the trash.
type Trashed struct {
	ID        string
	Name      string
	CreatedAt string
	RemovedAt string
	ExpiresAt string // when it is deleted
	Labels    map[string]string
	Options   map[string]string
	Size      *int64 `json:",omitempty"`
}

// TrashedVolume shows a volume in the trash, which keeps it for a time.
func TrashedVolume(x store.Trashed, keep time.Duration, size bool) Trashed {
	moment := func(t time.Time) string { return t.Local().Format(time.RFC3339) }
	out := Trashed{
		ID: x.ID, Name: x.Name, CreatedAt: createdAt(x.Volume), RemovedAt: moment(x.Removed), ExpiresAt: moment(x.Removed.Add(keep)),
		Labels: x.Labels, Options: x.Options,
	}
	if size {
		out.Size = &x.Size
	}
	return out
}

// DiskVolume is a volume with what it holds and how many containers have it.
func DiskVolume(v store.Volume, size, users int64) volume.Volume {
	out := Volume(v)
	out.UsageData = &volume.UsageData{RefCount: users, Size: size}
	return out
}
