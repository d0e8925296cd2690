package system

import (
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewCommand returns `system` with its verbs.
func NewCommand(s *session.Session, b Build) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "system",
		Short: "Manage Docker",
		Args:  session.NoArgs,
	}
	cmd.AddCommand(NewDf(s), NewDialStdio(s), NewEvents(s), NewInfo(s, b), NewPrune(s))
	return cmd
}
