package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewExport returns `export`.
func NewExport(s *session.Session) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [OPTIONS] CONTAINER",
		Short: "Export a container's filesystem as a tar archive",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExport(cmd.Context(), s, args[0], output)
		},
		Annotations: aliases("berth container export, berth export"),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to a file, instead of STDOUT")
	return cmd
}

func runExport(ctx context.Context, s *session.Session, name, output string) error {
	if output == "" {
		if s.IsOutTerminal() {
			return errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
		}
		return copyExport(ctx, s, name, s.Out)
	}
	// What is there under the name stays until the archive is complete.
	f, err := beginFile(output)
	if err != nil {
		return fmt.Errorf("failed to export container: %w", err)
	}
	return f.end(copyExport(ctx, s, name, f))
}

func copyExport(ctx context.Context, s *session.Session, name string, out io.Writer) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	content, err := client.Files().Export(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	_, err = io.Copy(out, content)
	return err
}

// wholeFile is a file that gets its name when it is complete, or never.
type wholeFile struct {
	*os.File
	path string
}

func beginFile(path string) (*wholeFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("invalid output path: %w", err)
	}
	if there, err := os.Stat(path); err == nil && !there.Mode().IsRegular() {
		what := "a file that is not a regular one"
		if there.IsDir() {
			what = "a directory"
		}
		return nil, fmt.Errorf("cannot write to %s", what)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-"+filepath.Base(path))
	if err != nil {
		return nil, err
	}
	return &wholeFile{File: f, path: path}, nil
}

// end names the file when err is nil, and removes it otherwise.
func (f *wholeFile) end(err error) error {
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
