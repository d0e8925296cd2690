package image

import (
	"berth/internal/cli/prune"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewPrune returns `image prune`.
func NewPrune(s *session.Session) *cobra.Command {
	return prune.Images.NewCommand(s, "Remove unused images", "Remove all unused images, not just dangling ones")
}
