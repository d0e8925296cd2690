// Package volume keeps named directories that outlive containers.
//
// A volume is <root>/<name>/_data; the directory is the record. Options,
// labels and drivers are not here yet.
package volume

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"berth/internal/fault"
)

// Service is the volumes of one daemon.
type Service struct{ root string }

// Open returns the volumes under root (<data-root>/volumes), made if missing.
func Open(root string) (*Service, error) {
	if err := os.MkdirAll(root, 0o711); err != nil {
		return nil, err
	}
	return &Service{root: root}, nil
}

// Ensure returns a volume's directory, made if it is not there. fresh tells
// that this call made it.
func (s *Service) Ensure(name string) (dir string, fresh bool, err error) {
	if err := check(name); err != nil {
		return "", false, err
	}
	home := filepath.Join(s.root, name)
	dir = filepath.Join(home, "_data")
	if err := os.Mkdir(home, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
		return "", false, fault.Wrap(fault.Internal, err, "the volume %s cannot be made", name)
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		return dir, true, nil
	case errors.Is(err, os.ErrExist):
		return dir, false, nil
	default:
		os.Remove(home)
		return "", false, fault.Wrap(fault.Internal, err, "the volume %s cannot be made", name)
	}
}

// Volume is one volume as it is.
type Volume struct {
	Name, Dir string
	Created   time.Time
}

// List returns all volumes in the order of their names.
func (s *Service) List() ([]Volume, error) {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the volumes cannot be listed")
	}
	var list []Volume
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || check(e.Name()) != nil {
			continue // it has just been removed, or is none of ours
		}
		// Nothing changes in the directory once the volume's data is made in it.
		list = append(list, Volume{Name: e.Name(), Dir: filepath.Join(s.root, e.Name(), "_data"), Created: info.ModTime()})
	}
	return list, nil
}

// Remove deletes a volume and what is in it; one that is not there is no error.
func (s *Service) Remove(name string) error {
	if err := check(name); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(s.root, name))
}

func check(name string) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`).MatchString(name) {
		return fault.New(fault.Invalid, "create %s: %q includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path", name, name)
	}
	return nil
}
