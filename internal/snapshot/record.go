//go:build linux

package snapshot

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

const (
	dirName    = "snapshots"
	recordFile = "snapshot.json"
	treeDir    = "tree"
	poolDir    = "pool" // contents on their way into the tree
	newPrefix  = ".new-"
	backPrefix = ".back-"
	gonePrefix = ".gone-"
)

// record is what snapshot.json says.
type record struct {
	Snapshot
	Becomes uint64 `json:",omitempty"` // of a rollback under way: the inode of the directory that is to be put in place
}

// List returns the snapshots in a home, the oldest first.
func (s *Service) List(home string) ([]Snapshot, error) { return list(home) }

func list(home string) ([]Snapshot, error) {
	entries, err := os.ReadDir(filepath.Join(home, dirName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the snapshots cannot be listed")
	}
	var all []Snapshot
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == chunksDir {
			continue
		}
		r, err := read(filepath.Join(home, dirName, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the snapshot %s cannot be read", e.Name())
		}
		all = append(all, r.Snapshot)
	}
	oldestFirst(all)
	return all, nil
}

// Get finds a snapshot by its name, its ID, or how that begins.
func (s *Service) Get(sub Subject, ref string) (Snapshot, error) {
	list, err := s.List(sub.Home)
	if err != nil {
		return Snapshot{}, err
	}
	return find(sub.Title, list, ref)
}

// dir is where a snapshot is.
func dir(home, id string) string { return filepath.Join(home, dirName, id) }

func read(dir string) (r record, err error) {
	p, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err == nil {
		err = json.Unmarshal(p, &r)
	}
	return r, err
}

// write makes the record in a directory that has none.
func write(dir string, r record) error {
	p, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordFile), p, 0o600)
}

// aside is a directory in a home's snapshots under a name that no snapshot has.
type aside struct {
	path string
	dir  *os.File
	pool *os.File
}

// newAside makes one.
func newAside(path string) (_ *aside, err error) {
	a := &aside{path: path}
	defer func() {
		if err != nil {
			a.drop()
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	for _, d := range []struct {
		path string
		into **os.File
	}{{path, &a.dir}, {filepath.Join(path, poolDir), &a.pool}} {
		if err := os.Mkdir(d.path, 0o700); err != nil {
			return nil, err
		}
		if *d.into, err = openDir(d.path); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// close lets go of the directory, which stays.
func (a *aside) close() {
	for _, f := range []*os.File{a.dir, a.pool} {
		if f != nil {
			f.Close()
		}
	}
}

// drop removes the directory.
func (a *aside) drop() {
	a.close()
	os.RemoveAll(a.path)
}

// done is the last before it gets its name: its record is written, and all of it is on the disk.
func (a *aside) done(r record) error {
	err := write(a.path, r)
	if err == nil {
		err = os.RemoveAll(filepath.Join(a.path, poolDir))
	}
	if err == nil {
		err = a.settle()
	}
	return err
}

// settle writes everything on its file system to the disk.
func (a *aside) settle() error {
	return os.NewSyscallError("syncfs", unix.Syncfs(int(a.dir.Fd())))
}

// name gives it the name by which it is a snapshot, on the disk too.
func (a *aside) name(home, id string) error {
	if err := os.Rename(a.path, dir(home, id)); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Join(home, dirName)), syncDir(home))
}

// syncDir puts a directory's entries on the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
