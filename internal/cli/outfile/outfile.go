// Package outfile writes files that are there as a whole or not at all.
package outfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"berth/internal/cli/session"
)

// Write lets fill write to a file, or to the standard output when the path is
// empty, unless that is a terminal. What is there under the path stays until
// the new file is complete. Doing is what is told to have failed.
func Write(s *session.Session, path, doing string, fill func(io.Writer) error) error {
	if path == "" {
		if s.IsOutTerminal() {
			return errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
		}
		return fill(s.Out)
	}
	f, err := begin(path)
	if err != nil {
		return fmt.Errorf("failed to %s: %w", doing, err)
	}
	return f.end(fill(f))
}

// file gets its name when it is complete, or never.
type file struct {
	*os.File
	path string
}

func begin(path string) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	there, err := os.Stat(dir)
	if err == nil && !there.IsDir() {
		err = &os.PathError{Op: "stat", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, fmt.Errorf("invalid output path: %w", err)
	}
	if there, err := os.Stat(path); err == nil && !there.Mode().IsRegular() {
		what := "a file that is not a regular one"
		if there.IsDir() {
			what = "a directory"
		}
		return nil, fmt.Errorf("cannot write to %s", what)
	}
	f, err := os.CreateTemp(dir, ".tmp-"+filepath.Base(path))
	if err != nil {
		return nil, err
	}
	return &file{File: f, path: path}, nil
}

// end names the file when err is nil, and removes it otherwise.
func (f *file) end(err error) error {
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
