//go:build linux

// Package store keeps what the runtime knows of its containers between one
// command and the next.
//
//	<root>/<id>/             one container; flock(2) on it serializes the verbs
//	<root>/<id>/state.json   Record, replaced by rename; there from the moment there is a process
//	<root>/<id>/config.json  the bundle's, as it was when the container was created
//	<root>/<id>/exec.fifo    there while the container waits for `start`
//
// Reading needs no lock: hooks ask for the state of a container that is being
// created.
package store

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Record is state.json.
type Record struct {
	ID        string    `json:"id"`
	Pid       int       `json:"init_process_pid"`
	StartTime uint64    `json:"init_process_start"` // in clock ticks since boot; with it a reused pid is no longer ours
	Bundle    string    `json:"bundle"`
	Rootfs    string    `json:"rootfs"`
	Created   time.Time `json:"created"`
	Owner     uint32    `json:"owner"`
	Cgroup    string    `json:"cgroup"`            // below every hierarchy's root; empty when there is none
	Systemd   bool      `json:"systemd,omitempty"` // the group was made by systemd
	Creating  bool      `json:"creating,omitempty"`
}

// Store is a directory of containers.
type Store struct{ root string }

// At is the store in a directory, which is made when it is first needed.
func At(root string) Store { return Store{root: root} }

// notExist is runc's sentence; scripts and engines look for it.
func notExist() error { return fault.New(fault.NotFound, "container does not exist") }

// CheckID refuses names that are no names of directories.
func CheckID(id string) error {
	switch {
	case id == "":
		return fault.New(fault.Invalid, "container id cannot be empty")
	case id == "." || id == ".." || len(id) > 1024 || strings.ContainsFunc(id, notInID):
		return fault.New(fault.Invalid, "invalid container ID format: %q", id)
	}
	return nil
}

// notInID is true for what is neither a word's nor one of "+.-".
func notInID(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("_+.-", c))
}

// Make makes a container's directory and locks it. The error is
// fault.Conflict when there is one already.
func (s Store) Make(id string) (*Dir, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.root, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The state directory cannot be made")
	}
	d := &Dir{path: filepath.Join(s.root, id)}
	if err := os.Mkdir(d.path, 0o711); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fault.New(fault.Conflict, "container with given ID already exists")
		}
		return nil, fault.Wrap(fault.Internal, err, "The state directory cannot be made")
	}
	return d, d.Lock()
}

// Open finds a container.
func (s Store) Open(id string) (*Dir, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	d := &Dir{path: filepath.Join(s.root, id)}
	if st, err := os.Stat(d.path); err != nil || !st.IsDir() {
		return nil, notExist()
	}
	return d, nil
}

// List names all containers.
func (s Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Internal, err, "The state directory cannot be read")
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && CheckID(e.Name()) == nil {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Dir is one container's directory.
type Dir struct {
	path string
	lock *os.File
}

// Lock waits until no other verb works on the container.
func (d *Dir) Lock() error {
	f, err := os.OpenFile(d.path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return notExist()
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return fault.Wrap(fault.Internal, err, "The container cannot be locked")
	}
	// Whoever had the lock before may have removed the container, and another
	// may have its name by now.
	var held, named unix.Stat_t
	if unix.Fstat(int(f.Fd()), &held) != nil || unix.Stat(d.path, &named) != nil || held.Ino != named.Ino || held.Dev != named.Dev {
		f.Close()
		return notExist()
	}
	d.lock = f
	return nil
}

// Unlock lets the next verb in.
func (d *Dir) Unlock() {
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
}

// Load reads the record. A container whose creation has not come that far, or
// ended on the way, is fault.NotFound.
func (d *Dir) Load() (Record, error) {
	var r Record
	data, err := os.ReadFile(filepath.Join(d.path, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, notExist()
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	return r, fault.Wrap(fault.Internal, err, "The container's state cannot be read")
}

// Save replaces the record.
func (d *Dir) Save(r Record) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = Replace(filepath.Join(d.path, "state.json"), data, 0o600)
	}
	return fault.Wrap(fault.Internal, err, "The container's state cannot be written")
}

// SaveConfig keeps the bundle's config.json.
func (d *Dir) SaveConfig(config []byte) error {
	err := os.WriteFile(filepath.Join(d.path, "config.json"), config, 0o600)
	return fault.Wrap(fault.Internal, err, "The container's configuration cannot be kept")
}

// Config is the spec that the container was created from.
func (d *Dir) Config() (*specs.Spec, error) {
	data, err := os.ReadFile(filepath.Join(d.path, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notExist()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The container's configuration cannot be read")
	}
	return Parse(data)
}

// MakeFifo makes what the container waits at for `start`.
func (d *Dir) MakeFifo() (*os.File, error) {
	path := d.fifo()
	err := unix.Mkfifo(path, 0o600)
	var fd int
	if err == nil {
		// Both ends, so that neither side waits for the other to open it.
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The container's fifo cannot be made")
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Waits tells whether the container waits for `start`.
func (d *Dir) Waits() bool {
	_, err := os.Lstat(d.fifo())
	return err == nil
}

// Release lets the container go on, once. The error is fault.Conflict when
// nobody waits.
func (d *Dir) Release() error {
	fd, err := unix.Open(d.fifo(), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte{0})
		unix.Close(fd)
	}
	switch err {
	case nil:
	case unix.ENXIO, unix.ENOENT:
		return fault.New(fault.Conflict, "cannot start an already running container")
	default:
		return fault.Wrap(fault.Internal, err, "The container cannot be started")
	}
	return d.Started()
}

// Started notes that the container waits no longer.
func (d *Dir) Started() error {
	err := os.Remove(d.fifo())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.Wrap(fault.Internal, err, "The container's fifo cannot be removed")
}

// Remove forgets the container. The lock has to be held.
func (d *Dir) Remove() error {
	err := os.RemoveAll(d.path)
	d.Unlock()
	return fault.Wrap(fault.Internal, err, "The container's state cannot be removed")
}

func (d *Dir) fifo() string { return filepath.Join(d.path, "exec.fifo") }

// Replace writes a file so that a reader finds the old one or the new one.
func Replace(path string, data []byte, mode os.FileMode) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}
