package volume

import (
	"context"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newProtect returns `volume protect`.
func newProtect(s *session.Session) *cobra.Command {
	return protection(s, true, &cobra.Command{
		Use:   "protect VOLUME [VOLUME...]",
		Short: "Keep volumes from being removed, be it by force",
	})
}

// newUnprotect returns `volume unprotect`.
func newUnprotect(s *session.Session) *cobra.Command {
	return protection(s, false, &cobra.Command{
		Use:   "unprotect VOLUME [VOLUME...]",
		Short: "Let volumes be removed again",
	})
}

func protection(s *session.Session, on bool, cmd *cobra.Command) *cobra.Command {
	return batch.Verb(s, cmd, batch.InOrder, func(c *engine.Client) (batch.Op, error) {
		return func(ctx context.Context, name string) error { return c.Volumes().Protect(ctx, name, on) }, nil
	})
}
