package network

import (
	"context"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// newRm returns `network rm`.
func newRm(s *session.Session) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "rm NETWORK [NETWORK...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more networks",
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Do not error if the network does not exist")
	return batch.Verb(s, cmd, batch.InOrder, func(client *engine.Client) (batch.Op, error) {
		return func(ctx context.Context, name string) error {
			err := engine.NetworksOf(client).Remove(ctx, name)
			if force && fault.Is(err, fault.NotFound) {
				return nil
			}
			return err
		}, nil
	})
}
