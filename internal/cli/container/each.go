package container

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// op is what a verb does to one container.
type op func(ctx context.Context, name string) error

// order is how a verb goes over several containers.
type order func(ctx context.Context, names []string, do op, done func(name string, err error))

// together does all at once and tells of them in the order of the names.
func together(ctx context.Context, names []string, do op, done func(string, error)) {
	session.Each(ctx, names, do, done)
}

// inOrder does one after the other.
func inOrder(ctx context.Context, names []string, do op, done func(string, error)) {
	for _, name := range names {
		done(name, do(ctx, name))
	}
}

// forEach completes a command that does the same to every container that it is
// given: it prints the names of those that went well, and fails with all errors
// at the end. The op is asked for when the flags have been read.
func forEach(s *session.Session, cmd *cobra.Command, over order, opOf func(engine.Containers) (op, error)) *cobra.Command {
	cmd.Args = session.MinArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := s.Engine()
		if err != nil {
			return err
		}
		do, err := opOf(client.Containers())
		if err != nil {
			return err
		}
		var errs []error
		over(cmd.Context(), args, do, func(name string, err error) {
			if err != nil {
				errs = append(errs, err)
				return
			}
			_, _ = fmt.Fprintln(s.Out, name)
		})
		return errors.Join(errs...)
	}
	return cmd
}
