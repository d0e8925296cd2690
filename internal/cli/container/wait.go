package container

import (
	"errors"
	"fmt"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewWait returns `wait`.
func NewWait(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "wait CONTAINER [CONTAINER...]",
		Short: "Block until one or more containers stop, then print their exit codes",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range args {
				waiter, err := client.Containers().Wait(cmd.Context(), name, "")
				if err != nil {
					errs = append(errs, err)
					continue
				}
				result, err := waiter.Result()
				if err != nil {
					errs = append(errs, err)
					continue
				}
				_, _ = fmt.Fprintln(s.Out, result.StatusCode)
			}
			return errors.Join(errs...)
		},
		Annotations: aliases("berth container wait, berth wait"),
	}
}
