package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// disk is the data directory, and ways to change it that survive whatever happens.
type disk struct {
	root *os.Root
	// making is held while directories are made: who sees one may count on its name.
	making *sync.RWMutex
}

// place writes a small file under a name, all of it or none: after a crash the
// name stands for the old content or the new.
func (d disk) place(name string, data []byte) error {
	temp := "tmp/" + random()
	if err := d.written(temp, data); err != nil {
		return errors.Join(full(err), gone(d.root.Remove(temp)))
	}
	if err := d.rename(temp, name); err != nil {
		return errors.Join(full(err), gone(d.root.Remove(temp)))
	}
	return nil
}

func (d disk) written(name string, data []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// rename gives a synced file its name, makes the directories that the name needs
// and makes the name durable.
func (d disk) rename(from, to string) error {
	if err := d.mkdirs(path.Dir(to)); err != nil {
		return err
	}
	if err := d.root.Rename(from, to); err != nil {
		return err
	}
	return d.sync(path.Dir(to))
}

// mark makes an empty file durable, or renews the time of one that is there.
func (d disk) mark(name string) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		// Whoever made it may have been killed before its name was durable.
		return errors.Join(d.touch(name), d.sync(path.Dir(name)))
	case errors.Is(err, fs.ErrNotExist):
		if err := d.mkdirs(path.Dir(name)); err != nil {
			return full(err)
		}
		if f, err = d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
			return full(err)
		}
	case err != nil:
		return full(err)
	}
	return errors.Join(f.Close(), d.sync(path.Dir(name)))
}

func (d disk) touch(name string) error {
	now := time.Now()
	return d.root.Chtimes(name, now, now)
}

// mkdirs makes a directory and those above it, each durable in the one above.
func (d disk) mkdirs(name string) error {
	d.making.RLock()
	_, err := d.root.Stat(name)
	d.making.RUnlock()
	if err == nil {
		return nil
	}
	d.making.Lock()
	defer d.making.Unlock()
	parts := strings.Split(name, "/")
	for i := range parts {
		err := d.root.Mkdir(path.Join(parts[:i+1]...), 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := d.sync(path.Join(append([]string{"."}, parts[:i]...)...)); err != nil {
			return err
		}
	}
	return nil
}

// sync makes the names in a directory durable.
func (d disk) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// remove takes a name away durably; one that is not there is an error.
func (d disk) remove(name string) error {
	if err := d.root.Remove(name); err != nil {
		return err
	}
	return d.sync(path.Dir(name))
}

// gone makes nothing of an error that says that it is not there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// names lists a directory, sorted; one that is not there is empty.
func (d disk) names(dir string) ([]string, error) {
	entries, err := d.entries(dir)
	found := make([]string, len(entries))
	for i, e := range entries {
		found[i] = e.Name()
	}
	return found, err
}

func (d disk) entries(dir string) ([]fs.DirEntry, error) {
	found, err := fs.ReadDir(d.root.FS(), dir)
	return found, gone(err)
}

// random is a name that nobody guesses.
func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return hex.EncodeToString(b[:])
}
