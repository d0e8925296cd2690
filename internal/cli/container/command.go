// Package container has the client's commands on containers, one file a verb.
package container

import (
	"berth/internal/cli/session"
	"berth/internal/cli/snapshot"

	"github.com/spf13/cobra"
)

// NewCommand returns `container` with its verbs.
func NewCommand(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "container",
		Short: "Manage containers",
		Args:  session.NoArgs,
	}
	cmd.AddCommand(verbs(s)...)
	cmd.AddCommand(NewLs(s), NewInspect(s), NewPrune(s))
	cmd.AddCommand(snapshot.Commands(s, snapshot.Containers)...)
	return cmd
}

// TopLevel returns the verbs that are also commands of their own.
func TopLevel(s *session.Session) []*cobra.Command { return append(verbs(s), NewPs(s)) }

func verbs(s *session.Session) []*cobra.Command {
	return []*cobra.Command{
		NewAttach(s), NewCommit(s), NewCp(s), NewCreate(s), NewDiff(s), NewExec(s), NewExplain(s), NewExport(s), NewKill(s),
		NewLogs(s), NewPause(s), NewPort(s), NewRename(s), NewRestart(s), NewRm(s), NewRun(s), NewStart(s), NewStats(s),
		NewStop(s), NewTop(s), NewUnpause(s), NewUpdate(s), NewWait(s),
	}
}
