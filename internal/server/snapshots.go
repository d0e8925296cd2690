package server

import (
	"net/http"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/server/filter"
	"berth/internal/server/show"
	"berth/internal/snapshot"
	store "berth/internal/volume"
)

// snapshotServices are the handlers of snapshots, whatever they are of.
type snapshotServices struct {
	volumes    VolumeSnapshots
	containers Snapshots
	every      Volumes
	known      Containers
}

// snapshotRoutes are the handlers of the snapshots of one kind of subject.
type snapshotRoutes struct {
	snapshots Snapshots
	label     func(out *show.Snapshot, ref string) error // says what it is of
}

func (r snapshotServices) ofVolume(handle func(snapshotRoutes, *call) error) func(*call) error {
	return func(c *call) error { return handle(r.forVolumes(), c) }
}

func (r snapshotServices) ofContainer(handle func(snapshotRoutes, *call) error) func(*call) error {
	return func(c *call) error { return handle(r.forContainers(), c) }
}

func (r snapshotServices) forVolumes() snapshotRoutes {
	return snapshotRoutes{r.volumes, func(out *show.Snapshot, ref string) error {
		out.Volume = ref
		return nil
	}}
}

func (r snapshotServices) forContainers() snapshotRoutes {
	return snapshotRoutes{r.containers, func(out *show.Snapshot, ref string) error {
		c, err := r.known.Get(ref)
		out.Container = c.ID
		return err
	}}
}

// show is a snapshot in an answer.
func (r snapshotRoutes) show(ref string, x snapshot.Snapshot, err error) (show.Snapshot, error) {
	out := show.SnapshotOf(x)
	if err == nil {
		err = r.label(&out, ref)
	}
	return out, err
}

func (r snapshotRoutes) take(c *call) error {
	var wish snapshot.Wish
	if err := c.decodeOptional(&wish); err != nil {
		return err
	}
	x, err := r.snapshots.Take(c.r.Context(), c.name, wish)
	out, err := r.show(c.name, x, err)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, out)
	return nil
}

func (r snapshotRoutes) inspect(c *call) error {
	x, err := r.snapshots.Get(c.name, c.part)
	out, err := r.show(c.name, x, err)
	if err == nil && c.flag("size") {
		err = r.measure(c, c.name, &out)
	}
	return c.json(out, err)
}

func (r snapshotRoutes) remove(c *call) error {
	return c.noContent(r.snapshots.Remove(c.r.Context(), c.name, c.part))
}

// rollback answers with the snapshot of what was before.
func (r snapshotRoutes) rollback(c *call) error {
	var wish struct{ Snapshot string }
	if err := c.decode(&wish); err != nil {
		return err
	}
	if wish.Snapshot == "" {
		return fault.New(fault.Invalid, "a rollback needs the name or the ID of a snapshot")
	}
	x, err := r.snapshots.Rollback(c.r.Context(), c.name, wish.Snapshot)
	out, err := r.show(c.name, x, err)
	return c.json(out, err)
}

func (r snapshotRoutes) list(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "id", "name", "label")
	if err != nil {
		return err
	}
	out, err := r.of(c, c.name, f, c.flag("size"))
	return c.json(out, err)
}

// of is the snapshots of one subject that match.
func (r snapshotRoutes) of(c *call, ref string, f filter.Set, size bool) ([]show.Snapshot, error) {
	list, err := r.snapshots.List(ref)
	if err != nil {
		return nil, err
	}
	shown := []show.Snapshot{}
	for _, x := range list {
		if !snapshotMatches(f, x) {
			continue
		}
		out, err := r.show(ref, x, nil)
		if err == nil && size {
			err = r.measure(c, ref, &out)
		}
		switch {
		case fault.Is(err, fault.NotFound): // removed since
		case err != nil:
			return nil, err
		default:
			shown = append(shown, out)
		}
	}
	return shown, nil
}

// measure finds what a snapshot has alone.
func (r snapshotRoutes) measure(c *call, ref string, out *show.Snapshot) error {
	size, err := r.snapshots.Unique(c.r.Context(), ref, out.ID)
	out.UniqueSize = &size
	return err
}

// snapshotMatches reports whether a snapshot has what the filters ask for, but for what it is of.
func snapshotMatches(f filter.Set, x snapshot.Snapshot) bool {
	named := len(f["name"]) == 0 || slices.ContainsFunc(f["name"], func(part string) bool { return strings.Contains(x.Name, part) })
	id := len(f["id"]) == 0 || slices.ContainsFunc(f["id"], func(prefix string) bool { return strings.HasPrefix(x.ID, prefix) })
	return named && id && filter.Labels(f["label"], x.Labels)
}

// all lists the snapshots of everything: of all volumes, or those of the filter volume, and then of
// containers.
func (r snapshotServices) all(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "id", "name", "label", "volume", "container", "type")
	if err != nil {
		return err
	}
	for _, kind := range f["type"] {
		if kind != "volume" && kind != "container" {
			return fault.New(fault.Invalid, "invalid filter 'type=%s'", kind)
		}
	}
	out, err := r.list(c, f, c.flag("size"))
	return c.json(out, err)
}

func (r snapshotServices) list(c *call, f filter.Set, size bool) ([]show.Snapshot, error) {
	shown := []show.Snapshot{}
	for _, part := range []struct {
		kind   string
		routes snapshotRoutes
		refs   []string
	}{{"volume", r.forVolumes(), r.volumeNames(f)}, {"container", r.forContainers(), r.containerIDs(f)}} {
		if len(f["type"]) > 0 && !slices.Contains(f["type"], part.kind) {
			continue
		}
		for _, ref := range part.refs {
			out, err := part.routes.of(c, ref, f, size)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
			shown = append(shown, out...)
		}
	}
	return shown, nil
}

func (r snapshotServices) volumeNames(f filter.Set) (names []string) {
	for _, v := range r.every.List() {
		if v.Foreign() {
			continue // a plugin's
		}
		if len(f["volume"]) > 0 && slices.Contains(f["volume"], v.Name) || len(f["volume"])+len(f["container"]) == 0 {
			names = append(names, v.Name)
		}
	}
	return names
}

func (r snapshotServices) containerIDs(f filter.Set) (ids []string) {
	for _, ref := range f["container"] {
		if c, err := r.known.Get(ref); err == nil {
			ids = append(ids, c.ID)
		}
	}
	if len(f["volume"])+len(f["container"]) > 0 {
		return ids
	}
	for _, c := range r.known.List() {
		ids = append(ids, c.ID)
	}
	return ids
}

// clone makes a volume of a volume.
func (r snapshotServices) clone(c *call) error {
	var wish struct {
		Name, Snapshot     string
		Labels, DriverOpts map[string]string
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	req := store.Request{Name: wish.Name, Labels: wish.Labels, Options: wish.DriverOpts}
	if wish.Name == "" {
		req = req.Unnamed()
	}
	v, err := r.volumes.Clone(c.r.Context(), c.name, wish.Snapshot, req)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, show.Volume(v))
	return nil
}
