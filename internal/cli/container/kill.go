package container

import (
	"context"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewKill returns `kill`.
func NewKill(s *session.Session) *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:   "kill [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Kill one or more running containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return each(cmd.Context(), s, args, func(ctx context.Context, name string) error {
				return client.Containers().Kill(ctx, name, signal)
			})
		},
		Annotations: aliases("berth container kill, berth kill"),
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "Signal to send to the container")
	return cmd
}
