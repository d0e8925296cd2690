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

// DiskVolume is a volume with what it holds and how many containers have it.
func DiskVolume(v store.Volume, size, users int64) volume.Volume {
	out := Volume(v)
	out.UsageData = &volume.UsageData{RefCount: users, Size: size}
	return out
}
