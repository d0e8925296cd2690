package container

import (
	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewPause returns `pause`.
func NewPause(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "pause CONTAINER [CONTAINER...]",
		Short:       "Pause all processes within one or more containers",
		Annotations: aliases("berth container pause, berth pause"),
	}
	return batch.Verb(s, cmd, batch.Together, func(c *engine.Client) (batch.Op, error) { return c.Containers().Pause, nil })
}
