package server

import (
	"encoding/json"

	"berth/internal/fault"
	"berth/internal/server/show"

	"github.com/moby/moby/api/types/volume"
)

// trashRoutes are the handlers of volumes that were removed, or shall not be.
type trashRoutes struct{ trash Trash }

func (r trashRoutes) list(c *call) error {
	size := c.flag("size")
	list, err := r.trash.Trashed(c.r.Context(), size)
	out := make([]show.Trashed, 0, len(list))
	for _, x := range list {
		out = append(out, show.TrashedVolume(x, r.trash.Keep(), size))
	}
	return c.json(out, err)
}

// restore takes ?name= for another name than the volume had.
func (r trashRoutes) restore(c *call) error {
	v, err := r.trash.Restore(c.name, c.query.Get("name"))
	return c.json(show.Volume(v), err)
}

// empty deletes all, or what ?refs=["…"] names.
func (r trashRoutes) empty(c *call) error {
	var refs []string
	if text := c.query.Get("refs"); text != "" {
		if err := json.Unmarshal([]byte(text), &refs); err != nil {
			return fault.New(fault.Invalid, "refs is no list of volumes in the trash: %v", err)
		}
	}
	ids, reclaimed, err := r.trash.Empty(c.r.Context(), refs)
	return c.json(volume.PruneReport{VolumesDeleted: ids, SpaceReclaimed: uint64(reclaimed)}, err)
}

func (r trashRoutes) rename(c *call) error {
	v, err := r.trash.Rename(c.name, c.query.Get("name"))
	return c.json(show.Volume(v), err)
}

func (r trashRoutes) protect(on bool) func(*call) error {
	return func(c *call) error {
		v, err := r.trash.Protect(c.name, on)
		return c.json(show.Volume(v), err)
	}
}
