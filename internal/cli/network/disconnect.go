package network

import (
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

// newDisconnect returns `network disconnect`.
func newDisconnect(s *session.Session) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "disconnect [OPTIONS] NETWORK CONTAINER",
		Short: "Disconnect a container from a network",
		Args:  session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return engine.NetworksOf(client).Disconnect(cmd.Context(), args[0], network.DisconnectRequest{Container: args[1], Force: force})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Force the container to disconnect from a network")
	return cmd
}
