package server

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/show"
	store "berth/internal/volume"

	"github.com/moby/moby/api/types/volume"
)

// volumeRoutes are the handlers of /volumes.
type volumeRoutes struct {
	volumes    Volumes
	containers Containers
}

func (r volumeRoutes) list(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "dangling", "driver", "label", "name")
	if err != nil {
		return err
	}
	dangling, asked, err := f.Bool("dangling")
	if err != nil {
		return err
	}
	out := volume.ListResponse{Volumes: []volume.Volume{}}
	list, warnings := r.volumes.Survey()
	out.Warnings = warnings
	for _, v := range list {
		if !volumeMatches(f, v) || asked && dangling == (len(r.volumes.Users(v.Name)) > 0) {
			continue
		}
		out.Volumes = append(out.Volumes, show.Volume(v))
	}
	return c.json(out, nil)
}

// volumeMatches reports whether a volume has what the filters ask for, but for
// whether it is used. A name is a part of a volume's, or a regular expression.
func volumeMatches(f filter.Set, v store.Volume) bool {
	names, drivers := f["name"], f["driver"]
	named := len(names) == 0
	for _, word := range names {
		found, err := regexp.MatchString(word, v.Name)
		named = named || err == nil && found || strings.Contains(v.Name, word)
	}
	return named && (len(drivers) == 0 || slices.Contains(drivers, v.Driver)) && filter.Labels(f["label"], v.Labels)
}

func (r volumeRoutes) inspect(c *call) error {
	v, err := r.volumes.Lookup(c.name)
	if err != nil || !c.flag("size") {
		return c.json(show.Volume(v), err)
	}
	out := show.UsedVolume{Volume: show.DiskVolume(v, -1, 0)} // berth's own: what is in it, and who has it
	if !v.Foreign() {
		out.UsageData.Size, err = r.volumes.Size(c.r.Context(), v)
	}
	for _, id := range r.volumes.Users(v.Name) {
		user := show.VolumeUser{ID: id} // what is no container has no name
		if found, err := r.containers.Get(id); err == nil {
			user.Name, user.Running = found.Name, show.Up(&found)
		}
		out.UsedBy = append(out.UsedBy, user)
	}
	out.UsageData.RefCount = int64(len(out.UsedBy))
	return c.json(out, err)
}

func (r volumeRoutes) create(c *call) error {
	var wish volume.CreateRequest
	if err := c.decode(&wish); err != nil {
		return err
	}
	if wish.ClusterVolumeSpec != nil {
		return fault.New(fault.Unavailable, "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.")
	}
	v, err := r.volumes.Create(store.Request{Name: wish.Name, Driver: wish.Driver, Options: wish.DriverOpts, Labels: wish.Labels})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, show.Volume(v))
	return nil
}

// update is for volumes of a cluster, of which there are none.
func (volumeRoutes) update(*call) error {
	return fault.New(fault.Unavailable, "volume update only valid for cluster volumes, but swarm is unavailable")
}

func (r volumeRoutes) remove(c *call) error {
	err := r.volumes.Delete(c.name, store.Removal{Force: c.flag("force"), Purge: c.flag("purge")})
	if fault.Is(err, fault.NotFound) && c.flag("force") {
		err = nil
	}
	return c.noContent(err)
}

// prune removes anonymous volumes that no container has, or with the filter all, and
// before API 1.42, named ones too. Without any filter, as of `system prune`, it makes room of the trash.
func (r volumeRoutes) prune(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "all", "label", "label!")
	if err != nil {
		return err
	}
	all, asked, err := f.Bool("all")
	if err != nil {
		return err
	}
	if !asked {
		all = !c.version.Has(compat.PruneAnonymous)
	}
	names, reclaimed, err := r.volumes.Prune(c.r.Context(), func(v store.Volume) bool {
		return (all || v.Anonymous()) && f.PruneLabels(v.Labels)
	}, len(f) == 0)
	return c.json(volume.PruneReport{VolumesDeleted: names, SpaceReclaimed: uint64(reclaimed)}, err)
}
