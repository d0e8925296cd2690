//go:build linux

package volume

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"

	"berth/internal/fault"
	"berth/internal/space"
)

// Hold is Claim for who uses a volume that has to be there.
func (s *Service) Hold(name, user string) (Volume, error) {
	v, ok := s.take(name, user)
	if !ok {
		return Volume{}, fault.New(fault.NotFound, "get %s: no such volume", name)
	}
	return v, nil
}

// CreateFrom makes a volume of a name that none has yet, with what fill puts into its directory. It is on the disk when
// it returns, and nothing of it stays when it fails. Of the local driver's options it may have a size.
func (s *Service) CreateFrom(r Request, fill func(into *os.File) error) (_ Volume, err error) {
	if err := r.check(); err != nil {
		return Volume{}, err
	}
	fresh := s.fresh(r)
	switch {
	case r.Driver != "" && r.Driver != Local:
		return Volume{}, fault.New(fault.Unsupported, "create %s: a clone cannot be of another driver than local", r.Name)
	case !fresh.Here():
		return Volume{}, fault.New(fault.Unsupported, "create %s: a clone can have no other option of the local driver than size", r.Name)
	}
	taken := fault.New(fault.Conflict, "create %s: there is a volume of this name already", r.Name)
	if _, err := s.Get(r.Name); err == nil {
		return Volume{}, taken
	}
	wrap := func(err error) error { return fault.Wrap(fault.Internal, err, "create %s", r.Name) }
	aside, err := write(s.root, fresh)
	if err != nil {
		return Volume{}, wrap(err)
	}
	defer func() {
		if err != nil {
			s.throw(aside)
		}
	}()
	if err := within(filepath.Join(aside, dataDir), fill); err != nil {
		return Volume{}, err
	}
	v, isNew, err := s.appear(fresh, aside, "")
	if err != nil {
		return Volume{}, wrap(err)
	}
	if !isNew {
		return Volume{}, taken
	}
	return v, wrap(syncDir(s.root))
}

// within fills a volume's directory, which may be in an image.
func within(data string, fill func(into *os.File) error) error {
	o, err := space.Open(data)
	if err != nil {
		return err
	}
	defer o.Close()
	into, err := os.Open(o.Path)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	defer into.Close()
	return fill(into)
}

// Swap makes data of the size that a volume has in a directory, with what fill puts into it. exchange has that and the
// volume's change places, whoever uses the volume has gone by then; drop removes what is in the directory.
func Swap(s *Service, name, dir string, fill func(into *os.File) error) (exchange func() error, drop func(), err error) {
	v, err := s.Get(name)
	if err != nil {
		return nil, nil, err
	}
	data := filepath.Join(dir, dataDir)
	drop = func() { _ = space.Remove(data) } // what stays goes with the directory
	if err = makeData(data, v.Options); err == nil {
		err = within(data, fill)
	}
	if err != nil {
		drop()
		return nil, nil, err
	}
	return func() error {
		there, err := mountinfo.Mounted(v.Dir)
		if err == nil && there {
			return fault.New(fault.Conflict, "volume %s is being looked at: try again", name)
		}
		if err == nil {
			err = space.Exchange(data, v.Dir)
		}
		if err == nil {
			err = errors.Join(syncDir(dir), syncDir(filepath.Dir(v.Dir)))
		}
		return fault.Wrap(fault.KindOf(err), err, "the files of volume %s cannot be replaced", name)
	}, drop, nil
}
