//go:build linux

package volume

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
)

// A volume in the trash is <root>/.bin/<id>/<name>: its directory as it was, with its
// snapshots. It gets there and back by one rename, which is what a daemon that is killed
// has done or not. The ID is when it was thrown away, in nanoseconds, so that no file has to
// say it. Its name is free meanwhile, and several of one name may be there.

// binDir is the trash, below root. What is in trashDir is beyond it: it is being deleted.
const binDir = ".bin"

// ProtectLabel, with the value true, keeps a volume from being removed, by whomever.
const ProtectLabel = "berth.protect"

// Trashed is a volume in the trash.
type Trashed struct {
	ID string
	Volume
	Removed time.Time
	Home    string // its directory, with its snapshots
	Size    int64  // of that, in bytes, where it was asked for
}

// Trash is the volumes that were thrown away. Nothing looks into it on the way of a container.
type Trash struct{ *Service }

// Protected reports whether a volume's label keeps it from being removed.
func (v *Volume) Protected() bool { return v.Labels[ProtectLabel] == "true" }

// Put throws a volume of the local driver away that no container has.
func (t Trash) Put(name string) (Trashed, error) {
	t.changing.Lock()
	defer t.changing.Unlock()
	v, err := t.forget(name)
	if err != nil {
		return Trashed{}, err
	}
	x := Trashed{Volume: *v}
	if err := errors.Join(t.release(v), t.place(&x)); err != nil {
		restore(t.Service, v)
		return Trashed{}, fault.Wrap(fault.Internal, err, "remove %s", name)
	}
	dir := filepath.Join(t.root, binDir, x.ID)
	if err := os.Rename(home(t.root, name), filepath.Join(dir, name)); err != nil {
		os.Remove(dir)
		restore(t.Service, v)
		return Trashed{}, fault.Wrap(fault.Internal, err, "remove %s", name)
	}
	return x, fault.Wrap(fault.Internal, errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)), syncDir(t.root)), "remove %s", name)
}

// restore makes a volume be known again that could not be removed.
func restore(s *Service, v *Volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[v.Name] = v
}

// place makes the directory for one in the trash, and gives it its ID.
func (t Trash) place(x *Trashed) error {
	bin := filepath.Join(t.root, binDir)
	if err := os.Mkdir(bin, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	for now := time.Now(); ; now = now.Add(1) {
		x.ID, x.Removed = strconv.FormatInt(now.UnixNano(), 16), now
		if err := os.Mkdir(filepath.Join(bin, x.ID), 0o711); !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

// List is what is in the trash, what was thrown away first at first. It reads the disk:
// whatever came of a daemon that was killed, this is so.
func (t Trash) List() ([]Trashed, error) {
	entries, err := os.ReadDir(filepath.Join(t.root, binDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(fault.Internal, err, "the trash cannot be listed")
	}
	var list []Trashed
	for _, e := range entries {
		if x, err := t.read(e.Name()); err == nil {
			list = append(list, x)
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, fault.Wrap(fault.Internal, err, "the volume %s in the trash cannot be read", e.Name())
		}
	}
	slices.SortFunc(list, func(a, b Trashed) int { return a.Removed.Compare(b.Removed) })
	return list, nil
}

// read reads one; ErrNotExist for what is none, or is just coming or going.
func (t Trash) read(id string) (Trashed, error) {
	nanos, err := strconv.ParseInt(id, 16, 64)
	if err != nil {
		return Trashed{}, os.ErrNotExist
	}
	within, err := os.ReadDir(filepath.Join(t.root, binDir, id))
	if err != nil {
		return Trashed{}, err
	}
	if len(within) != 1 {
		return Trashed{}, os.ErrNotExist
	}
	v, err := read(filepath.Join(t.root, binDir, id, within[0].Name()))
	if err != nil {
		return Trashed{}, err
	}
	return Trashed{ID: id, Volume: *v, Removed: time.Unix(0, nanos), Home: filepath.Join(t.root, binDir, id, v.Name)}, nil
}

// Has reports whether one is there still.
func (t Trash) Has(id string) bool {
	_, err := t.read(id)
	return err == nil
}

// Find finds one by its ID or by a beginning of that, or by its name: then it is the one
// that was thrown away last.
func (t Trash) Find(ref string) (Trashed, error) {
	list, err := t.List()
	if err != nil {
		return Trashed{}, err
	}
	var found []Trashed
	for _, x := range slices.Backward(list) {
		if x.ID == ref || x.Name == ref {
			return x, nil
		}
		if ref != "" && strings.HasPrefix(x.ID, ref) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 0:
		return Trashed{}, fault.New(fault.NotFound, "no such volume in the trash: %s", ref)
	case 1:
		return found[0], nil
	}
	return Trashed{}, fault.New(fault.Conflict, "%s is the beginning of several IDs in the trash: give more of it", ref)
}

// Restore takes a volume out of the trash, under its name or another.
func (t Trash) Restore(ref, name string) (Volume, error) {
	x, err := t.Find(ref)
	if err != nil {
		return Volume{}, err
	}
	if name == "" {
		name = x.Name
	}
	if err := check(name); err != nil {
		return Volume{}, err
	}
	t.changing.Lock()
	defer t.changing.Unlock()
	if _, err := t.Get(name); err == nil {
		return Volume{}, fault.New(fault.Conflict, "restore %s: there is a volume %s: remove it, or restore under another name", ref, name)
	}
	dir, to := filepath.Join(t.root, binDir, x.ID), filepath.Join(t.root, name)
	if err := os.Rename(filepath.Join(dir, x.Name), to); err != nil {
		return Volume{}, fault.Wrap(fault.Internal, err, "restore %s", ref)
	}
	v := x.Volume
	v.Name, v.Dir = name, filepath.Join(to, dataDir)
	restore(t.Service, &v)
	return v, fault.Wrap(fault.Internal, errors.Join(syncDir(t.root), os.Remove(dir)), "restore %s", ref)
}

// Purge deletes one of the trash: it is gone when this returns, its data soon after.
func (t Trash) Purge(id string) error {
	t.changing.Lock()
	defer t.changing.Unlock()
	x, err := t.read(id)
	if errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.NotFound, "no such volume in the trash: %s", id)
	}
	to := filepath.Join(t.root, trashDir, id)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.Rename(x.Home, to) // it is no volume's from now on
	}
	if err == nil {
		t.throw(to)
		err = os.Remove(filepath.Dir(x.Home))
	}
	return fault.Wrap(fault.Internal, err, "the volume %s in the trash cannot be deleted", id)
}

// tidy removes what a killed daemon was about to put a volume into, or has taken one from.
func (t Trash) tidy() {
	entries, _ := os.ReadDir(filepath.Join(t.root, binDir)) // nil when there is no trash
	for _, e := range entries {
		os.Remove(filepath.Join(t.root, binDir, e.Name())) // which fails for what holds something
	}
}

// Expired is which of a trash has been there for longer than it is kept: the list is as of List.
func Expired(list []Trashed, now time.Time, keep time.Duration) []Trashed {
	n := 0
	for n < len(list) && now.Sub(list[n].Removed) >= keep {
		n++
	}
	return list[:n]
}
