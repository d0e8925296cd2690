package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
)

// Usage is what one kind of object takes of the disk, in bytes.
type Usage[Item any] struct {
	Total, Active     int64 // how many there are, and how many are in use
	Size, Reclaimable int64
	Items             []Item // only of a verbose answer
}

// DiskUsage is what all kinds of objects take of the disk.
type DiskUsage struct {
	Images     Usage[image.Summary]
	Containers Usage[container.Summary]
	Volumes    Usage[volume.Volume]
	BuildCache Usage[build.CacheRecord]
	Trash      *Usage[Trashed]  // nil as below
	Snapshots  *Usage[Snapshot] // nil where there are none, as at other daemons than berth's
}

// diskAnswer has both forms of the answer: from API 1.52 on the daemon adds up,
// before it the client does.
type diskAnswer struct {
	system.DiskUsage
	LayersSize int64
	Images     []image.Summary
	Containers []container.Summary
	Volumes    []volume.Volume
	BuildCache []build.CacheRecord

	TrashUsage    *struct{ TotalCount, TotalSize, Reclaimable int64 }
	SnapshotUsage *struct {
		TotalCount, TotalSize, Reclaimable int64
		Items                              []Snapshot
	}
}

// DiskUsage asks what is taken of the disk.
func (x System) DiskUsage(ctx context.Context, verbose bool) (DiskUsage, error) {
	q := url.Values{}
	boolQuery(q, "verbose", verbose)
	var a diskAnswer
	if err := x.c.json(ctx, request{method: http.MethodGet, path: "/system/df", query: q}, &a); err != nil {
		return DiskUsage{}, err
	}
	u := DiskUsage{imageUsage(a), containerUsage(a.Containers), volumeUsage(a.Volumes), cacheUsage(a.BuildCache), nil, nil}
	if v := a.ImageUsage; v != nil {
		u.Images = Usage[image.Summary]{v.TotalCount, v.ActiveCount, v.TotalSize, v.Reclaimable, v.Items}
	}
	if v := a.ContainerUsage; v != nil {
		u.Containers = Usage[container.Summary]{v.TotalCount, v.ActiveCount, v.TotalSize, v.Reclaimable, v.Items}
	}
	if v := a.VolumeUsage; v != nil {
		u.Volumes = Usage[volume.Volume]{v.TotalCount, v.ActiveCount, v.TotalSize, v.Reclaimable, v.Items}
	}
	if v := a.BuildCacheUsage; v != nil {
		u.BuildCache = Usage[build.CacheRecord]{v.TotalCount, v.ActiveCount, v.TotalSize, v.Reclaimable, v.Items}
	}
	if v := a.TrashUsage; v != nil {
		u.Trash = &Usage[Trashed]{Total: v.TotalCount, Size: v.TotalSize, Reclaimable: v.Reclaimable}
	}
	if v := a.SnapshotUsage; v != nil {
		u.Snapshots = &Usage[Snapshot]{Total: v.TotalCount, Size: v.TotalSize, Reclaimable: v.Reclaimable, Items: v.Items}
	}
	return u, nil
}

// imageUsage adds up images. What no container uses and no other image shares
// can be had back.
func imageUsage(a diskAnswer) Usage[image.Summary] {
	u := Usage[image.Summary]{Total: int64(len(a.Images)), Size: a.LayersSize, Items: a.Images}
	var used int64
	for _, i := range a.Images {
		if i.Containers == 0 {
			continue
		}
		if i.Containers > 0 { // -1 is not known, which may be in use
			u.Active++
		}
		if i.Size != -1 && i.SharedSize != -1 {
			used += i.Size - i.SharedSize
		}
	}
	u.Reclaimable = u.Size - used
	return u
}

func containerUsage(list []container.Summary) Usage[container.Summary] {
	u := Usage[container.Summary]{Total: int64(len(list)), Items: list}
	for _, c := range list {
		u.Size += c.SizeRw
		switch c.State {
		case container.StateRunning, container.StatePaused, container.StateRestarting:
			u.Active++
		default:
			u.Reclaimable += c.SizeRw
		}
	}
	return u
}

func volumeUsage(list []volume.Volume) Usage[volume.Volume] {
	u := Usage[volume.Volume]{Total: int64(len(list)), Items: list}
	for _, v := range list {
		if v.UsageData == nil {
			continue
		}
		size := max(v.UsageData.Size, 0)
		u.Size += size
		if v.UsageData.RefCount > 0 {
			u.Active++
		} else {
			u.Reclaimable += size
		}
	}
	return u
}

func cacheUsage(list []build.CacheRecord) Usage[build.CacheRecord] {
	u := Usage[build.CacheRecord]{Total: int64(len(list)), Items: list}
	for _, r := range list {
		size := r.Size
		if r.Shared {
			size = 0
		}
		u.Size += size
		if r.InUse {
			u.Active++
		} else {
			u.Reclaimable += size
		}
	}
	return u
}
