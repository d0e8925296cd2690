// Package volume has the client's commands on volumes, one file a verb.
package volume

import (
	"berth/internal/cli/backup"
	"berth/internal/cli/session"
	"berth/internal/cli/snapshot"

	"github.com/spf13/cobra"
)

// NewCommand returns `volume` with its verbs.
func NewCommand(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "volume",
		Short: "Manage volumes",
		Args:  session.NoArgs,
	}
	cmd.AddCommand(newClone(s), newCreate(s), newInspect(s), newLs(s), newPrune(s), newRm(s))
	cmd.AddCommand(newProtect(s), newRename(s), newTrash(s), newUnprotect(s), newUpdate(s))
	cmd.AddCommand(snapshot.Commands(s, snapshot.Volumes)...)
	cmd.AddCommand(backup.Commands(s)...)
	return cmd
}
