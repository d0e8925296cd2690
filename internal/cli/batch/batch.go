// Package batch does the same to each of several objects: what is said of
// those that went well, in the order of their names, and of those that did not.
package batch

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// Op is what is done to one object.
type Op func(ctx context.Context, name string) error

// Order is how several objects are gone over. It calls done for each, in the
// order of the names.
type Order func(ctx context.Context, names []string, do Op, done func(name string, err error))

// Together does all at once, up to 50 at a time. It tells of an object as soon
// as that one and those before it are through.
func Together(ctx context.Context, names []string, do Op, done func(name string, err error)) {
	const parallel = 50
	results := make([]chan error, len(names))
	slots := make(chan struct{}, parallel)
	for i := range names {
		results[i] = make(chan error, 1)
	}
	go func() {
		for i, name := range names {
			slots <- struct{}{}
			go func() {
				results[i] <- do(ctx, name)
				<-slots
			}()
		}
	}()
	for i, name := range names {
		done(name, <-results[i])
	}
}

// InOrder does one after the other.
func InOrder(ctx context.Context, names []string, do Op, done func(name string, err error)) {
	for _, name := range names {
		done(name, do(ctx, name))
	}
}

// Verb completes a command that does the same to every object that it is given:
// it prints the names of those that went well, and fails with all errors at the
// end. The op is asked for when the flags have been read.
func Verb(s *session.Session, cmd *cobra.Command, over Order, opOf func(*engine.Client) (Op, error)) *cobra.Command {
	cmd.Args = session.MinArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := s.Engine()
		if err != nil {
			return err
		}
		do, err := opOf(client)
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
