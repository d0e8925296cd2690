package container

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// each does op to every container and prints the names of those that went
// well, in order. It fails with all errors at the end.
func each(ctx context.Context, s *session.Session, names []string, op func(context.Context, string) error) error {
	var errs []error
	session.Each(ctx, names, op, func(name string, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		_, _ = fmt.Fprintln(s.Out, name)
	})
	return errors.Join(errs...)
}

// NewStop returns `stop`.
func NewStop(s *session.Session) *cobra.Command {
	g := &grace{}
	cmd := &cobra.Command{
		Use:   "stop [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Stop one or more running containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seconds, err := g.seconds(cmd.Flags())
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return each(cmd.Context(), s, args, func(ctx context.Context, name string) error {
				return client.Containers().Stop(ctx, name, g.signal, seconds)
			})
		},
		Annotations: aliases("berth container stop, berth stop"),
	}
	g.install(cmd.Flags())
	return cmd
}
