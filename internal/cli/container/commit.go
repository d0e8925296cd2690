package container

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/imageref"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// NewCommit returns `commit`.
func NewCommit(s *session.Session) *cobra.Command {
	var o engine.CommitOptions
	var changes opts.List
	var noPause bool
	cmd := &cobra.Command{
		Use:   "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
		Short: "Create a new image from a container's changes",
		Args:  session.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("pause") && cmd.Flags().Changed("no-pause") {
				return errors.New("conflicting options: --no-pause and --pause cannot be used together")
			}
			o.Pause = o.Pause && !noPause
			o.Changes = changes.Values
			return runCommit(cmd.Context(), s, o, args)
		},
		Annotations: aliases("berth container commit, berth commit"),
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.BoolVarP(&o.Pause, "pause", "p", true, "Pause container during commit")
	fs.BoolVar(&noPause, "no-pause", false, "Disable pausing container during commit")
	fs.StringVarP(&o.Comment, "message", "m", "", "Commit message")
	fs.StringVarP(&o.Author, "author", "a", "", `Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")`)
	fs.VarP(&changes, "change", "c", "Apply Dockerfile instruction to the created image")
	return cmd
}

func runCommit(ctx context.Context, s *session.Session, o engine.CommitOptions, args []string) error {
	if len(args) > 1 && args[1] != "" {
		ref, err := imageref.Parse(args[1])
		if err != nil {
			return err
		}
		if ref.Digest != "" {
			return fault.New(fault.Invalid, "refusing to create a tag with a digest reference")
		}
		ref = ref.WithDefaultTag()
		o.Repo, o.Tag = ref.FamiliarName(), ref.Tag
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	id, err := client.Files().Commit(ctx, args[0], o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, id)
	return err
}
