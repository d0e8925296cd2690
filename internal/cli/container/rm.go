package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// NewRm returns `rm`.
func NewRm(s *session.Session) *cobra.Command {
	var o engine.RemoveOptions
	cmd := &cobra.Command{
		Use:     "rm [OPTIONS] CONTAINER [CONTAINER...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more containers",
		Args:    session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRm(cmd.Context(), s, args, o)
		},
		Annotations: aliases("berth container rm, berth container remove, berth rm"),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Force, "force", "f", false, "Force the removal of a running container (uses SIGKILL)")
	fs.BoolVarP(&o.Volumes, "volumes", "v", false, "Remove anonymous volumes associated with the container")
	fs.BoolVarP(&o.Link, "link", "l", false, "Remove the specified link")
	return cmd
}

func runRm(ctx context.Context, s *session.Session, names []string, o engine.RemoveOptions) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	var errs []error
	op := func(ctx context.Context, name string) error {
		if name = strings.Trim(name, "/"); name == "" {
			return errors.New("container name cannot be empty")
		}
		return client.Containers().Remove(ctx, name, o)
	}
	batch.Together(ctx, names, op, func(name string, err error) {
		switch {
		case err == nil:
			_, _ = fmt.Fprintln(s.Out, name)
		case o.Force && fault.Is(err, fault.NotFound):
			// It is told, but what was to be gone is gone.
			_, _ = fmt.Fprintln(s.Err, err)
		default:
			errs = append(errs, err)
		}
	})
	return errors.Join(errs...)
}
