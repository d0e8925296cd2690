package container

import (
	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewUnpause returns `unpause`.
func NewUnpause(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "unpause CONTAINER [CONTAINER...]",
		Short:       "Unpause all processes within one or more containers",
		Annotations: aliases("berth container unpause, berth unpause"),
	}
	return batch.Verb(s, cmd, batch.Together, func(c *engine.Client) (batch.Op, error) { return c.Containers().Unpause, nil })
}
