package show

import (
	"berth/internal/image"
	"berth/internal/server/compat"
	store "berth/internal/volume"

	"github.com/moby/moby/api/types/build"
	wire "github.com/moby/moby/api/types/container"
	images "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
	"github.com/opencontainers/go-digest"
)

// DiskUsage is what objects take of the disk.
type DiskUsage struct {
	Images        []image.Image    // nil when they are not asked for
	Users         map[string]int64 // containers by their image's ID; nil as above
	Containers    []DiskContainer
	HasContainers bool
	Volumes       []volume.Volume
	HasVolumes    bool
	Caches        bool // those of builds, of which there are none
	Snapshots     []Snapshot
	SnapshotBytes int64
	Trash         []store.Trashed
}

// SnapshotObject is the kind of object that only berth has.
const SnapshotObject system.DiskUsageObject = "snapshot"

// snapshotUsage is what an answer says of snapshots, where there are any.
type snapshotUsage struct {
	SnapshotUsage *snapshotTotals `json:",omitempty"`
	TrashUsage    *trashTotals    `json:",omitempty"`
}

type trashTotals struct {
	TotalCount, TotalSize, Reclaimable int64
}

type snapshotTotals struct {
	TotalCount, TotalSize, Reclaimable int64
	Items                              []Snapshot `json:",omitempty"`
}

// ownUsage is an answer of today with what is berth's own.
type ownUsage struct {
	*system.DiskUsage
	snapshotUsage
}

// DiskContainer is a container with its sizes.
type DiskContainer struct {
	wire.Summary
	Up bool
}

// DiskForm says how an answer looks.
type DiskForm struct {
	Version compat.Version
	Legacy  bool // the lists as they were before API 1.52
	Verbose bool
}

// legacyUsage is an answer with the fields that were all before API 1.52.
type legacyUsage struct {
	LayersSize  int64               `json:"LayersSize,omitzero"`
	Images      []any               `json:"Images,omitzero"`
	Containers  []wire.Summary      `json:"Containers,omitzero"`
	Volumes     []volume.Volume     `json:"Volumes,omitzero"`
	BuildCache  []build.CacheRecord `json:"BuildCache,omitzero"`
	BuilderSize *int64              `json:"BuilderSize,omitempty"`
	*system.DiskUsage
	snapshotUsage
}

// Show is the answer to GET /system/df.
func (u *DiskUsage) Show(f DiskForm) any {
	out, legacy := &system.DiskUsage{}, legacyUsage{}
	if u.Users != nil {
		out.ImageUsage = u.images(f, &legacy)
	}
	if u.HasContainers {
		out.ContainerUsage = u.containers(f, &legacy)
	}
	if u.HasVolumes {
		out.VolumeUsage = u.volumes(f, &legacy)
	}
	if u.Caches {
		out.BuildCacheUsage = &build.DiskUsage{}
		legacy.BuildCache = []build.CacheRecord{}
		if !f.Version.Has(compat.DiskUsageTypes) {
			legacy.BuilderSize = new(int64)
		}
	}
	own := u.snapshots(f)
	own.TrashUsage = u.trash()
	if legacy.snapshotUsage = own; !f.Legacy {
		return ownUsage{out, own}
	}
	if f.Version.Has(compat.DiskUsageVerbose) {
		legacy.DiskUsage = out
	}
	return legacy
}

// images counts every part of an image once, however many images share it.
func (u *DiskUsage) images(f DiskForm, legacy *legacyUsage) *images.DiskUsage {
	sizes, active, shared := map[digest.Digest]int64{}, map[digest.Digest]bool{}, SharedSizes(u.Images)
	for i := range u.Images {
		for part, size := range u.Images[i].Parts {
			sizes[part] = size
			active[part] = active[part] || u.Users[u.Images[i].ID.String()] > 0
		}
	}
	out := &images.DiskUsage{TotalCount: int64(len(u.Images))}
	for part, size := range sizes {
		out.TotalSize += size
		if !active[part] {
			out.Reclaimable += size
		}
	}
	legacy.LayersSize, legacy.Images = out.TotalSize, []any{}
	for i := range u.Images {
		img := &u.Images[i]
		if u.Users[img.ID.String()] > 0 {
			out.ActiveCount++
		}
		line := imageLine(img, f.Version)
		line.Containers, line.SharedSize = u.Users[img.ID.String()], shared[img.ID]
		if f.Verbose {
			out.Items = append(out.Items, line)
		}
		if f.Version.Has(compat.NoVirtualSize) {
			legacy.Images = append(legacy.Images, line)
		} else {
			legacy.Images = append(legacy.Images, legacySummary{Summary: line, VirtualSize: img.Size})
		}
	}
	if f.Legacy {
		out.Items = nil
	}
	return out
}

func (u *DiskUsage) containers(f DiskForm, legacy *legacyUsage) *wire.DiskUsage {
	out := &wire.DiskUsage{TotalCount: int64(len(u.Containers))}
	legacy.Containers = []wire.Summary{}
	for _, c := range u.Containers {
		out.TotalSize += c.SizeRw
		if c.Up {
			out.ActiveCount++
		} else {
			out.Reclaimable += c.SizeRw
		}
		legacy.Containers = append(legacy.Containers, c.Summary)
	}
	if f.Verbose && !f.Legacy {
		out.Items = legacy.Containers
	}
	return out
}

func (u *DiskUsage) snapshots(f DiskForm) (own snapshotUsage) {
	if len(u.Snapshots) == 0 {
		return own
	}
	own.SnapshotUsage = &snapshotTotals{TotalCount: int64(len(u.Snapshots)), TotalSize: u.SnapshotBytes, Reclaimable: u.SnapshotBytes}
	if f.Verbose {
		own.SnapshotUsage.Items = u.Snapshots
	}
	return own
}

func (u *DiskUsage) trash() *trashTotals {
	if len(u.Trash) == 0 {
		return nil
	}
	out := trashTotals{TotalCount: int64(len(u.Trash))}
	for _, x := range u.Trash {
		out.TotalSize += x.Size
	}
	out.Reclaimable = out.TotalSize
	return &out
}

func (u *DiskUsage) volumes(f DiskForm, legacy *legacyUsage) *volume.DiskUsage {
	out := &volume.DiskUsage{TotalCount: int64(len(u.Volumes))}
	legacy.Volumes = append([]volume.Volume{}, u.Volumes...)
	for _, v := range u.Volumes {
		out.TotalSize += v.UsageData.Size
		if v.UsageData.RefCount > 0 {
			out.ActiveCount++
		} else {
			out.Reclaimable += v.UsageData.Size
		}
	}
	if f.Verbose && !f.Legacy {
		out.Items = u.Volumes
	}
	return out
}
