package container

import (
	"context"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewPause returns `pause`.
func NewPause(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "pause CONTAINER [CONTAINER...]",
		Short: "Pause all processes within one or more containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return each(cmd.Context(), s, args, func(ctx context.Context, name string) error {
				return client.Containers().Pause(ctx, name)
			})
		},
		Annotations: aliases("berth container pause, berth pause"),
	}
}
