package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"berth/internal/cli/imageref"
	"berth/internal/cli/platform"
	"berth/internal/cli/progress"
	"berth/internal/cli/session"
	"berth/internal/cli/transfer"

	"github.com/spf13/cobra"
)

type pullOptions struct {
	all, quiet bool
	platform   string
}

// NewPull returns `pull`. It takes several images, which are pulled at the same time.
func NewPull(s *session.Session) *cobra.Command {
	o := &pullOptions{}
	cmd := &cobra.Command{
		Use:   "pull [OPTIONS] NAME[:TAG|@DIGEST] [NAME...]",
		Short: "Download an image from a registry",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPull(cmd.Context(), s, o, args)
		},
		Annotations: map[string]string{"category-top": "5", "aliases": "berth image pull, berth pull"},
	}
	platform, _ := s.Getenv("DOCKER_DEFAULT_PLATFORM")
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all-tags", "a", false, "Download all tagged images in the repository")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Suppress verbose output")
	fs.StringVar(&o.platform, "platform", platform, "Set platform if server is multi-platform capable")
	s.InstallTrust(fs)
	return cmd
}

// wanted reads a name for a pull or a push of one tag, or of all.
func wanted(s *session.Session, name string, all, quiet bool) (imageref.Ref, error) {
	ref, err := imageref.Parse(name)
	bare := ref.Tag == "" && ref.Digest == ""
	switch {
	case err != nil:
		return ref, err
	case all && !bare:
		return ref, errors.New("tag can't be used with --all-tags/-a")
	case !all && bare:
		ref = ref.WithDefaultTag()
		if !quiet {
			_, _ = fmt.Fprintln(s.Out, "Using default tag:", ref.Tag)
		}
	}
	return ref, nil
}

func runPull(ctx context.Context, s *session.Session, o *pullOptions, names []string) error {
	if o.platform != "" {
		if _, err := platform.Parse(o.platform); err != nil {
			return err
		}
	}
	refs := make([]imageref.Ref, len(names))
	for i, name := range names {
		var err error
		if refs[i], err = wanted(s, name, o.all, o.quiet || len(names) > 1); err != nil {
			return err
		}
	}
	out := s.Out
	if o.quiet {
		out = io.Discard
	}
	errs := make([]error, len(refs))
	board := progress.NewBoard(out)
	var all sync.WaitGroup
	for i, ref := range refs {
		title := ""
		if len(refs) > 1 {
			title = ref.Familiar()
		}
		all.Go(func() {
			if errs[i] = transfer.Pull(ctx, s, transfer.Of(s, ref, o.platform), board, title); errs[i] != nil && title != "" {
				errs[i] = fmt.Errorf("%s: %w", title, errs[i])
			}
		})
	}
	all.Wait()
	board.Close()
	for i, ref := range refs {
		if errs[i] == nil {
			_, _ = fmt.Fprintln(s.Out, ref.String())
		}
	}
	return errors.Join(errs...)
}
