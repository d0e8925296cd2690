package credentials

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// file is config.json. What we do not know of it is kept as it is.
type file struct {
	fields map[string]json.RawMessage
	auths  map[string]entry
}

// unreadable is a config.json that is none.
type unreadable struct {
	path string
	err  error
}

func (u *unreadable) Error() string { return fmt.Sprintf("%s: %v", u.path, u.err) }
func (u *unreadable) Unwrap() error { return u.err }

func (s *Store) read() (*file, error) {
	f := &file{fields: map[string]json.RawMessage{}, auths: map[string]entry{}}
	b, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(b)) == 0 {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &f.fields)
	}
	if auths, ok := f.fields["auths"]; err == nil && ok {
		err = json.Unmarshal(auths, &f.auths)
	}
	if err == nil && (f.auths == nil || f.fields == nil) { // null
		err = errors.New("it is not a configuration")
	}
	if err != nil {
		return nil, &unreadable{path: s.path, err: err}
	}
	return f, nil
}

// write replaces config.json as a whole. It has secrets, so nobody else may
// read it, and where it is a link its target is replaced.
func (s *Store) write(f *file) (err error) {
	if f.fields["auths"], err = json.Marshal(f.auths); err != nil {
		return err
	}
	b, err := json.MarshalIndent(f.fields, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	path := s.path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	t, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(t.Name())
		}
	}()
	_, err = t.Write(b)
	err = errors.Join(err, t.Sync(), t.Close())
	if err != nil {
		return err
	}
	return os.Rename(t.Name(), path)
}
