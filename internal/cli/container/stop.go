package container

import (
	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewStop returns `stop`.
func NewStop(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "stop [OPTIONS] CONTAINER [CONTAINER...]",
		Short:       "Stop one or more running containers",
		Annotations: aliases("berth container stop, berth stop"),
	}
	return withGrace(s, cmd, batch.Together, engine.Containers.Stop)
}
