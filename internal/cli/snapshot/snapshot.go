// Package snapshot has the commands about snapshots, which volumes and containers share.
package snapshot

import (
	"fmt"
	"strings"

	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// Kind is what snapshots are of: "volume" or "container".
type Kind string

// The kinds.
const (
	Volumes    Kind = "volume"
	Containers Kind = "container"
)

// arg is what stands for one in the usage.
func (k Kind) arg() string { return strings.ToUpper(string(k)) }

// files is what of it a snapshot has.
func (k Kind) files() string {
	if k == Containers {
		return "container's own files"
	}
	return "volume"
}

// Commands returns `snapshot`, `snapshots` and `rollback`.
func Commands(s *session.Session, k Kind) []*cobra.Command {
	return []*cobra.Command{newSnapshot(s, k), newSnapshots(s, k), newRollback(s, k)}
}

func newSnapshot(s *session.Session, k Kind) *cobra.Command {
	var name string
	var labels []string
	cmd := &cobra.Command{
		Use:   "snapshot [OPTIONS] " + k.arg(),
		Short: "Keep the state of a " + k.files() + ", be it in use",
		Long: "Keep the state of a " + k.files() + " and print the snapshot's ID.\n\nPrograms that are using it stand still for a moment, so that the snapshot is\n" +
			"what a crash at that moment would have left.",
		Args: session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			x, err := client.Snapshots(string(k)+"s").Take(cmd.Context(), args[0], name, opts.ToMap(labels))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, x.ID)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "Give the snapshot a name")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "Set metadata for the snapshot")
	return cmd
}

func newRollback(s *session.Session, k Kind) *cobra.Command {
	return &cobra.Command{
		Use:   "rollback " + k.arg() + " SNAPSHOT",
		Short: "Put the state of a " + k.files() + " back as a snapshot has it",
		Long: "Put the state of a " + k.files() + " back as a snapshot has it. Nothing that uses it may be running.\n\n" +
			"The state from before is kept as a snapshot too, whose ID is printed: roll back to\nthat one to undo the rollback.",
		Args: session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			before, err := client.Snapshots(string(k)+"s").Rollback(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, before.ID)
			return err
		},
	}
}
