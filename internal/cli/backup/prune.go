package backup

import (
	"fmt"

	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

// newPrune returns `volume backup prune`.
func newPrune(s *session.Session) *cobra.Command {
	var keep int
	cmd := &cobra.Command{
		Use:   "prune --keep-last N DIRECTORY[:VOLUME]",
		Short: "Remove all backups in a directory but the last ones of each volume, and what only those needed",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("keep-last") {
				return fault.New(fault.Invalid, "how many backups of each volume are kept has to be said: --keep-last")
			}
			at, err := spot(s, args[0])
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			gone, reclaimed, err := client.Backups().Prune(cmd.Context(), at, keep)
			if err != nil {
				return err
			}
			if len(gone) > 0 {
				_, _ = fmt.Fprintln(s.Out, "Deleted Backups:")
			}
			for _, tag := range gone {
				_, _ = fmt.Fprintln(s.Out, tag)
			}
			_, err = fmt.Fprintln(s.Out, "Total reclaimed space:", units.HumanSize(float64(reclaimed)))
			return err
		},
	}
	cmd.Flags().IntVar(&keep, "keep-last", 0, "How many backups of each volume to keep")
	return cmd
}
