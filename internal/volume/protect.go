//go:build linux

package volume

import (
	"errors"
	"maps"
	"os"
	"path/filepath"

	"berth/internal/fault"
)

// Protect gives a volume the label that keeps it from being removed, or takes it away.
// Its record is replaced by one rename.
func Protect(s *Service, name string, protected bool) (Volume, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	v, err := s.Get(name)
	if err != nil || v.Protected() == protected {
		return v, err
	}
	labels := map[string]string{}
	maps.Copy(labels, v.Labels)
	if delete(labels, ProtectLabel); protected {
		labels[ProtectLabel] = "true"
	}
	v.Labels = labels
	if err := rewrite(home(s.root, name), &v); err != nil {
		return Volume{}, fault.Wrap(fault.Internal, err, "the volume %s cannot be written down", name)
	}
	restore(s, &v)
	return v, nil
}

// rewrite replaces a volume's record.
func rewrite(home string, v *Volume) error {
	next := filepath.Join(home, recordFile+newSuffix)
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := writeRecord(f, v); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return errors.Join(os.Rename(next, filepath.Join(home, recordFile)), syncDir(home))
}
