package container

import (
	"berth/internal/cli/prune"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewPrune returns `container prune`.
func NewPrune(s *session.Session) *cobra.Command {
	return prune.Containers.NewCommand(s, "Remove all stopped containers", "")
}
