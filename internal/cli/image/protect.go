package image

import (
	"context"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewProtect returns `image protect`.
func NewProtect(s *session.Session) *cobra.Command {
	return protection(s, true, &cobra.Command{
		Use:   "protect IMAGE [IMAGE...]",
		Short: "Keep images from prunes, from the disk budget and from removals that are not forced",
	})
}

// NewUnprotect returns `image unprotect`.
func NewUnprotect(s *session.Session) *cobra.Command {
	return protection(s, false, &cobra.Command{
		Use:   "unprotect IMAGE [IMAGE...]",
		Short: "Let images be pruned and removed again",
	})
}

func protection(s *session.Session, on bool, cmd *cobra.Command) *cobra.Command {
	return batch.Verb(s, cmd, batch.Together, func(c *engine.Client) (batch.Op, error) {
		return func(ctx context.Context, ref string) error { return c.Images().Protect(ctx, ref, on) }, nil
	})
}
