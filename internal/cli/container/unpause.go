package container

import (
	"context"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewUnpause returns `unpause`.
func NewUnpause(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "unpause CONTAINER [CONTAINER...]",
		Short: "Unpause all processes within one or more containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return each(cmd.Context(), s, args, func(ctx context.Context, name string) error {
				return client.Containers().Unpause(ctx, name)
			})
		},
		Annotations: aliases("berth container unpause, berth unpause"),
	}
}
