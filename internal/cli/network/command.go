// Package network has the client's commands on networks, one file a verb.
package network

import (
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewCommand returns `network` with its verbs.
func NewCommand(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "network",
		Short: "Manage networks",
		Args:  session.NoArgs,
	}
	cmd.AddCommand(newConnect(s), newCreate(s), newDisconnect(s), newInspect(s), newLs(s), newPrune(s), newRm(s))
	return cmd
}
