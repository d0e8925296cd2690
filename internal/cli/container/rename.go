package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewRename returns `rename`.
func NewRename(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "rename CONTAINER NEW_NAME",
		Short: "Rename a container",
		Args:  session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRename(cmd.Context(), s, strings.TrimSpace(args[0]), strings.TrimSpace(args[1]))
		},
		Annotations: aliases("berth container rename, berth rename"),
	}
}

func runRename(ctx context.Context, s *session.Session, from, to string) error {
	if from == "" || to == "" {
		return errors.New("Error: Neither old nor new names may be empty") //nolint:staticcheck // Docker's text
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	if err := client.Containers().Rename(ctx, from, to); err != nil {
		_, _ = fmt.Fprintln(s.Err, err)
		return fmt.Errorf("Error: failed to rename container named %s", from) //nolint:staticcheck // Docker's text
	}
	return nil
}
