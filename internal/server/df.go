package server

import (
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/show"

	"github.com/moby/moby/api/types/system"
)

// diskRoutes are the handlers about the disk.
type diskRoutes struct {
	containerRoutes
	volumes   Volumes
	snapshots snapshotServices
	trash     Trash
}

// usage answers what objects take of the disk.
func (r diskRoutes) usage(c *call) error {
	wanted, err := diskTypes(c)
	if err != nil {
		return err
	}
	form := show.DiskForm{Version: c.version, Legacy: true, Verbose: true}
	if word := c.query.Get("verbose"); word != "" && c.version.Has(compat.DiskUsageVerbose) {
		verbose, err := strconv.ParseBool(word)
		if err != nil {
			return fault.New(fault.Invalid, "invalid value for verbose: %s", word)
		}
		form.Verbose, form.Legacy = verbose, false
	}
	u := show.DiskUsage{Caches: wanted[system.BuildCacheObject]}
	for _, part := range []struct {
		of   system.DiskUsageObject
		read func(*call, *show.DiskUsage) error
	}{{system.ImageObject, r.readImages}, {system.ContainerObject, r.readContainers}, {system.VolumeObject, r.readVolumes}, {show.SnapshotObject, r.readSnapshots}, {system.VolumeObject, r.readTrash}} {
		if !wanted[part.of] {
			continue
		}
		if err := part.read(c, &u); err != nil {
			return err
		}
	}
	return c.json(u.Show(form), nil)
}

// diskTypes are the kinds of objects that are asked for; all without a word.
func diskTypes(c *call) (map[system.DiskUsageObject]bool, error) {
	all := map[system.DiskUsageObject]bool{system.ContainerObject: true, system.ImageObject: true, system.VolumeObject: true, system.BuildCacheObject: true, show.SnapshotObject: true}
	words, asked := c.query["type"]
	if !asked || !c.version.Has(compat.DiskUsageTypes) {
		return all, nil
	}
	wanted := map[system.DiskUsageObject]bool{}
	for _, word := range words {
		if !all[system.DiskUsageObject(word)] {
			return nil, fault.New(fault.Invalid, "unknown object type: %s", word)
		}
		wanted[system.DiskUsageObject(word)] = true
	}
	return wanted, nil
}

func (r diskRoutes) readImages(c *call, u *show.DiskUsage) (err error) {
	u.Images, err = r.images.List(c.r.Context())
	u.Users = map[string]int64{}
	list := r.containers.List()
	for i := range list {
		u.Users[list[i].ImageID]++
	}
	return err
}

func (r diskRoutes) readContainers(c *call, u *show.DiskUsage) error {
	ctx, now := c.r.Context(), time.Now()
	names := imageNames{images: r.images, known: map[[2]string]string{}}
	list := r.containers.List()
	for i := range list {
		if err := ctx.Err(); err != nil {
			return fault.As(fault.Cancelled, err)
		}
		if err := r.measure(ctx, &list[i]); err != nil {
			return err
		}
		line := show.Summary(&list[i], now, c.version)
		line.Image = names.now(ctx, &list[i])
		line.Mounts = show.MountPoints(&list[i], r.volumeDir)
		u.Containers = append(u.Containers, show.DiskContainer{Summary: *line, Up: show.Up(&list[i])})
	}
	u.HasContainers = true
	return nil
}

// readSnapshots measures all snapshots, of which a stock client knows nothing.
func (r diskRoutes) readSnapshots(c *call, u *show.DiskUsage) (err error) {
	if u.Snapshots, err = r.snapshots.list(c, nil, true); err != nil || len(u.Snapshots) == 0 {
		return err
	}
	for _, kind := range []Snapshots{r.snapshots.volumes, r.snapshots.containers} {
		n, err := kind.Usage(c.r.Context())
		if err != nil {
			return err
		}
		u.SnapshotBytes += n
	}
	return nil
}

// readTrash measures the trash, of which a stock client knows nothing.
func (r diskRoutes) readTrash(c *call, u *show.DiskUsage) (err error) {
	u.Trash, err = r.trash.Trashed(c.r.Context(), true)
	return err
}

func (r diskRoutes) readVolumes(c *call, u *show.DiskUsage) error {
	for _, v := range r.volumes.List() {
		if v.Foreign() {
			continue // whose space is not ours
		}
		size, err := r.volumes.Size(c.r.Context(), v)
		if err != nil {
			return err
		}
		u.Volumes = append(u.Volumes, show.DiskVolume(v, size, int64(links(r.volumes.Users(v.Name)))))
	}
	u.HasVolumes = true
	return nil
}

// links are the containers among the users of a volume: others, who copy its data just now, have names with a space.
func links(users []string) (n int) {
	for _, user := range users {
		if !strings.Contains(user, " ") {
			n++
		}
	}
	return n
}
