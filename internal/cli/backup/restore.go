package backup

import (
	"fmt"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newRestore returns `volume restore`.
func newRestore(s *session.Session) *cobra.Command {
	var replace, quiet bool
	cmd := &cobra.Command{
		Use:   "restore [OPTIONS] PLACE[:BACKUP|:VOLUME] [VOLUME]",
		Short: "Make a volume of a backup",
		Long: "Make a volume of a backup: of the one whose tag follows the place, or else of the latest one of a volume.\n" +
			"Nothing of it is to be seen before all of it is verified.\n" + long,
		Args: session.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := spot(s, args[0])
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			stream, err := client.Backups().Restore(cmd.Context(), from, name, replace)
			if err != nil {
				return err
			}
			made, err := follow(s, stream, quiet)
			if err == nil {
				_, err = fmt.Fprintln(s.Out, made.Volume)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "Replace what is in a volume that no container runs with; it is kept as a snapshot")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only display the volume's name")
	return cmd
}
