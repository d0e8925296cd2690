package container

import (
	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewRestart returns `restart`. It goes in order: containers may need each other.
func NewRestart(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "restart [OPTIONS] CONTAINER [CONTAINER...]",
		Short:       "Restart one or more containers",
		Annotations: aliases("berth container restart, berth restart"),
	}
	return withGrace(s, cmd, batch.InOrder, engine.Containers.Restart)
}
