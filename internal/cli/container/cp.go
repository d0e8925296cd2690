package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"berth/internal/cli/archive"
	"berth/internal/cli/engine"
	"berth/internal/cli/progress"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

type cpOptions struct {
	follow, owners, quiet bool
	container             string
}

// NewCp returns `cp`.
func NewCp(s *session.Session) *cobra.Command {
	o := &cpOptions{}
	cmd := &cobra.Command{
		Use:   "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tberth cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
		Short: "Copy files/folders between a container and the local filesystem",
		Long: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
		Args: session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("quiet") {
				o.quiet = !s.IsOutTerminal()
			}
			return runCp(cmd.Context(), s, o, args[0], args[1])
		},
		Annotations: aliases("berth container cp, berth cp"),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.owners, "archive", "a", false, "Archive mode (copy all uid/gid information)")
	fs.BoolVarP(&o.follow, "follow-link", "L", false, "Always follow symlinks in SRC_PATH")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached")
	return cmd
}

func runCp(ctx context.Context, s *session.Session, o *cpOptions, from, to string) error {
	switch {
	case from == "":
		return errors.New("source can not be empty")
	case to == "":
		return errors.New("destination can not be empty")
	}
	source, fromPath := splitCp(from)
	target, toPath := splitCp(to)
	client, err := s.Engine()
	switch {
	case err != nil:
		return err
	case source != "" && target != "":
		return errors.New("copying between containers is not supported")
	case source != "":
		o.container = source
		return o.download(ctx, s, client, fromPath, toPath)
	case target != "":
		o.container = target
		return o.upload(ctx, s, client, fromPath, toPath)
	}
	return errors.New("must specify at least one container source")
}

// splitCp splits CONTAINER:PATH. A path of this machine that has a colon is told
// by a slash or a dot at its beginning.
func splitCp(arg string) (container, p string) {
	if filepath.IsAbs(arg) || arg != "" && os.IsPathSeparator(arg[0]) {
		return "", arg
	}
	container, p, ok := strings.Cut(arg, ":")
	if !ok || strings.HasPrefix(container, ".") {
		return "", arg
	}
	return container, p
}

// stdStream is the name that stands for the client's own input or output.
const stdStream = "-"

func (o *cpOptions) download(ctx context.Context, s *session.Session, client *engine.Client, from, to string) error {
	var err error
	if to != stdStream {
		if to, err = archive.Absolute(to); err != nil {
			return err
		}
	}
	if err := checkOutput(to); err != nil {
		return err
	}
	source := archive.InContainer(from)
	if o.follow {
		stat, err := client.Files().Stat(ctx, o.container, from)
		if err == nil && stat.Mode&fs.ModeSymlink != 0 {
			source = archive.FollowedTo(from, stat.LinkTarget)
		}
	}
	content, stat, err := client.Files().Get(ctx, o.container, source.Path)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	if to == stdStream {
		_, err := io.Copy(s.Out, content)
		return err
	}
	source.Exists, source.IsDir = true, stat.Mode.IsDir()
	target, err := archive.Target(to)
	if err != nil {
		return err
	}
	dir, name, err := archive.Plan(source, target)
	if err != nil {
		return err
	}
	return o.show(s, "Copying from container - ", to, func(c *progress.Copied) error {
		return archive.Unpack(c.Reader(content), dir, source.Base, name)
	})
}

func (o *cpOptions) upload(ctx context.Context, s *session.Session, client *engine.Client, from, to string) error {
	target, err := o.target(ctx, client, to)
	if err != nil {
		return err
	}
	if from == stdStream {
		if !target.IsDir {
			return fmt.Errorf(`destination "%s:%s" must be a directory`, o.container, to)
		}
		return client.Files().Put(ctx, o.container, target.Path, io.MultiReader(s.In), o.owners)
	}
	if from, err = archive.Absolute(from); err != nil {
		return err
	}
	source, err := archive.Source(from, o.follow)
	if err != nil {
		return err
	}
	dir, name, err := archive.Plan(source, target)
	if err != nil {
		return err
	}
	return o.show(s, "Copying to container - ", o.container+":"+target.Path, func(c *progress.Copied) error {
		r, w := io.Pipe()
		packed := make(chan error, 1)
		go func() {
			err := archive.Pack(w, source, name)
			_ = w.CloseWithError(err)
			packed <- err
		}()
		err := client.Files().Put(ctx, o.container, dir, c.Reader(r), o.owners)
		// A daemon that refuses does not read on.
		_ = r.CloseWithError(io.ErrClosedPipe)
		if failed := <-packed; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
			return failed
		}
		return err
	})
}

// target looks at the destination in the container, and at what it points to.
// One that cannot be looked at may still be made: the daemon says so if not.
func (o *cpOptions) target(ctx context.Context, client *engine.Client, to string) (archive.Place, error) {
	place := archive.InContainer(to)
	stat, err := client.Files().Stat(ctx, o.container, to)
	if err != nil {
		return place, nil //nolint:nilerr // see above
	}
	if stat.Mode&fs.ModeSymlink != 0 {
		link := stat.LinkTarget
		if !path.IsAbs(link) {
			link = path.Join(place.Dir, link)
		}
		place = archive.InContainer(link)
		if stat, err = client.Files().Stat(ctx, o.container, link); err != nil {
			return place, nil //nolint:nilerr // see above
		}
	}
	if err := ordinary(stat.Mode); err != nil {
		return place, fmt.Errorf(`destination "%s:%s" must be a directory or a regular file: %w`, o.container, to, err)
	}
	place.Exists, place.IsDir = true, stat.Mode.IsDir()
	return place, nil
}

// show does a copy, with its progress on a terminal, and says what it was.
func (o *cpOptions) show(s *session.Session, title, to string, do func(*progress.Copied) error) error {
	out := s.Err
	if o.quiet {
		out = io.Discard
	}
	c := progress.NewCopied(out, title)
	defer c.Close()
	if err := do(c); err != nil {
		return err
	}
	c.Close()
	_, _ = fmt.Fprintf(out, "Successfully copied %s to %s\n", progress.Size(c.Bytes()), to)
	return nil
}

// checkOutput refuses a destination on this machine that cannot be one before
// anything is asked of the daemon.
func checkOutput(to string) error {
	if dir := filepath.Dir(filepath.Clean(to)); dir != "." {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("invalid output path: directory %q does not exist", dir)
		}
	}
	info, err := os.Stat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir() || info.Mode().IsRegular():
		return nil
	}
	if err := ordinary(info.Mode()); err != nil {
		return fmt.Errorf("invalid output path: %q must be a directory or a regular file: %w", to, err)
	}
	return nil
}

func ordinary(mode fs.FileMode) error {
	switch {
	case mode&fs.ModeDevice != 0:
		return errors.New("got a device")
	case mode&fs.ModeIrregular != 0:
		return errors.New("got an irregular file")
	}
	return nil
}
