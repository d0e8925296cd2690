package image

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/platform"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// NewRmi returns `rmi`.
func NewRmi(s *session.Session) *cobra.Command {
	var o engine.RemoveImageOptions
	var platforms []string
	cmd := &cobra.Command{
		Use:   "rmi [OPTIONS] IMAGE [IMAGE...]",
		Short: "Remove one or more images",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Platforms, err = platform.Queries(platforms); err != nil {
				return err
			}
			return runRmi(cmd.Context(), s, args, o)
		},
		Annotations: aliases("berth image rm, berth image remove, berth rmi"),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Force, "force", "f", false, "Force removal of the image")
	fs.BoolVar(&o.NoPrune, "no-prune", false, "Do not delete untagged parents")
	fs.StringSliceVar(&platforms, "platform", nil, `Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`)
	session.Since(fs, "platform", "1.50")
	return cmd
}

// NewRm returns `image rm`, which is rmi.
func NewRm(s *session.Session) *cobra.Command {
	cmd := NewRmi(s)
	cmd.Use, cmd.Aliases = "rm [OPTIONS] IMAGE [IMAGE...]", []string{"rmi", "remove"}
	return cmd
}

// runRmi removes one after the other. With force, images that are not there
// are told and do not fail it.
func runRmi(ctx context.Context, s *session.Session, refs []string, o engine.RemoveImageOptions) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	var errs []error
	fatal := !o.Force
	for _, ref := range refs {
		removed, err := client.Images().Remove(ctx, ref, o)
		if err != nil {
			fatal = fatal || !fault.Is(err, fault.NotFound)
			errs = append(errs, err)
			continue
		}
		for _, r := range removed {
			if r.Deleted != "" {
				_, _ = fmt.Fprintln(s.Out, "Deleted:", r.Deleted)
			} else {
				_, _ = fmt.Fprintln(s.Out, "Untagged:", r.Untagged)
			}
		}
	}
	err = errors.Join(errs...)
	if err != nil && !fatal {
		_, _ = fmt.Fprintln(s.Err, err)
		return nil
	}
	return err
}
