package container

import (
	"context"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewKill returns `kill`.
func NewKill(s *session.Session) *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:         "kill [OPTIONS] CONTAINER [CONTAINER...]",
		Short:       "Kill one or more running containers",
		Annotations: aliases("berth container kill, berth kill"),
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "Signal to send to the container")
	return batch.Verb(s, cmd, batch.Together, func(c *engine.Client) (batch.Op, error) {
		return func(ctx context.Context, name string) error { return c.Containers().Kill(ctx, name, signal) }, nil
	})
}
