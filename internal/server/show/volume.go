package show

import (
	"time"

	store "berth/internal/volume"

	"github.com/moby/moby/api/types/volume"
)

// Volume is a volume as lists and inspect show it.
func Volume(v store.Volume) volume.Volume {
	return volume.Volume{
		Name: v.Name, Driver: store.Local, Mountpoint: v.Dir, Scope: "local", CreatedAt: v.Created.Local().Format(time.RFC3339),
		Labels: v.Labels, Options: v.Options,
	}
}

// DiskVolume is a volume with what it holds and how many containers have it.
func DiskVolume(v store.Volume, size, users int64) volume.Volume {
	out := Volume(v)
	out.UsageData = &volume.UsageData{RefCount: users, Size: size}
	return out
}
