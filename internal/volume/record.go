//go:build linux

package volume

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/space"

	"github.com/moby/sys/mountinfo"
)

const (
	recordFile   = "volume.json"
	dataDir      = "_data"
	trashDir     = ".trash"
	newPrefix    = ".new-"
	fillPrefix   = ".berth-fill-"   // a copy that is being made
	filledPrefix = ".berth-filled-" // one that is complete, and is being moved into its volume
	copyDir      = "copy"
	mountsDir    = "mounts" // who has a plugin's volume mounted: see reference.go
	newSuffix    = ".new"
)

// record is what volume.json says.
type record struct {
	Created time.Time
	Options map[string]string `json:",omitempty"`
	Labels  map[string]string `json:",omitempty"`
	Driver  string            `json:",omitempty"` // "" is the local one
	Scope   string            `json:",omitempty"` // of a plugin's
	Name    string            `json:",omitempty"` // of a plugin's
}

// Open returns the volumes under root (<data-root>/volumes), made if missing.
// What a killed daemon was making or removing is removed.
func Open(root string) (*Service, error) {
	if err := os.MkdirAll(root, 0o711); err != nil {
		return nil, err
	}
	s := &Service{root: root, volumes: map[string]*Volume{}, users: map[string]map[string]bool{}, mounts: mounts{of: map[string]*mounted{}}}
	s.references.of, s.references.closed = map[[2]string]*reference{}, make(chan struct{})
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the volumes cannot be listed")
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == trashDir || strings.HasPrefix(name, newPrefix):
			s.throw(filepath.Join(root, name))
		case e.IsDir() && (check(name) == nil || strings.HasPrefix(name, spelledMark)):
			v, err := read(filepath.Join(root, name))
			if err != nil {
				return nil, fault.Wrap(fault.Internal, err, "the volume %s cannot be read", name)
			}
			s.volumes[v.Name] = v
			s.references.read(v, filepath.Join(root, name, mountsDir))
			if v.Foreign() {
				continue
			}
			if err := settleAll(filepath.Join(root, name), v.Dir); err != nil {
				return nil, fault.Wrap(fault.Internal, err, "the volume %s cannot be filled to its end", name)
			}
		}
	}
	Trash{s}.tidy()
	return s, nil
}

// read reads a volume's directory. One without a record is of an earlier version.
func read(home string) (*Volume, error) {
	v := &Volume{Name: filepath.Base(home), Driver: Local, Scope: Local, Dir: filepath.Join(home, dataDir)}
	p, err := os.ReadFile(filepath.Join(home, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		info, err := os.Stat(home)
		if err != nil {
			return nil, err
		}
		v.Created = info.ModTime()
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(p, &r); err != nil {
		return nil, err
	}
	v.Created, v.Options, v.Labels = r.Created, r.Options, r.Labels
	if r.Driver != "" {
		v.Name, v.Driver, v.Scope, v.Dir = r.Name, r.Driver, r.Scope, ""
	}
	return v, nil
}

func recordOf(v *Volume) record {
	if v.Foreign() {
		return record{v.Created, v.Options, v.Labels, v.Driver, v.Scope, v.Name}
	}
	return record{Created: v.Created, Options: v.Options, Labels: v.Labels}
}

// write makes a volume's directory aside, under a name that no volume has, and
// returns where. Its record is on the disk before it has a name.
func write(root string, v *Volume) (aside string, err error) {
	if aside, err = os.MkdirTemp(root, newPrefix); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			unmake(aside)
		}
	}()
	if !v.Foreign() {
		if err := makeData(filepath.Join(aside, dataDir), v.Options); err != nil {
			return "", err
		}
	}
	f, err := os.OpenFile(filepath.Join(aside, recordFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	return aside, errors.Join(writeRecord(f, v), os.Chmod(aside, 0o711))
}

// writeRecord writes what is known of a volume, to the disk, and closes the file.
func writeRecord(f *os.File, v *Volume) error {
	p, err := json.Marshal(recordOf(v))
	if err == nil {
		_, err = f.Write(p)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeData makes the directory of a volume's data, of a size if its options have one.
func makeData(dir string, options map[string]string) error {
	d, err := parseOptions(options)
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil && d.Size > 0 {
		err = space.Make(dir, d.Size)
	}
	return err
}

// unmake deletes the directory of a volume that nobody sees any more, and the quota of its data.
func unmake(home string) error {
	if err := space.Remove(filepath.Join(home, dataDir)); err != nil {
		return err
	}
	return os.RemoveAll(home)
}

// syncDir puts a directory's entries on the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// throw removes what has no volume's name any more. It is tried again when the
// volumes are next opened. What is mounted in it is somebody's data: it is unmounted,
// and if that cannot be, everything stays.
func (s *Service) throw(path string) {
	s.trash.Go(func() {
		mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(path))
		for _, m := range mounts {
			err = errors.Join(err, unmount(m.Mountpoint))
		}
		if err != nil {
			return
		}
		if filepath.Base(path) != trashDir {
			unmake(path)
			return
		}
		left, _ := os.ReadDir(path)
		for _, e := range left {
			unmake(filepath.Join(path, e.Name()))
		}
		os.RemoveAll(path)
	})
}
