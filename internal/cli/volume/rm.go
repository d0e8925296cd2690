package volume

import (
	"context"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newRm returns `volume rm`.
func newRm(s *session.Session) *cobra.Command {
	var force, purge bool
	cmd := &cobra.Command{
		Use:     "rm [OPTIONS] VOLUME [VOLUME...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more volumes",
		Long:    "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Force the removal of one or more volumes")
	cmd.Flags().BoolVar(&purge, "purge", false, "Delete the volumes at once: they do not go to the trash")
	session.Since(cmd.Flags(), "force", "1.25")
	return batch.Verb(s, cmd, batch.InOrder, func(client *engine.Client) (batch.Op, error) {
		return func(ctx context.Context, name string) error { return client.Volumes().Remove(ctx, name, force, purge) }, nil
	})
}
