package volume

import (
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newClone returns `volume clone`.
func newClone(s *session.Session) *cobra.Command {
	var wish engine.CloneRequest
	var labels, options []string
	cmd := &cobra.Command{
		Use:   "clone [OPTIONS] VOLUME NEW_VOLUME",
		Short: "Make a volume that holds what another does, be it in use",
		Args:  session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			wish.Name, wish.Labels, wish.DriverOpts = args[1], opts.ToMap(labels), opts.ToMap(options)
			made, err := client.Volumes().Clone(cmd.Context(), args[0], wish)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, made.Name)
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&wish.Snapshot, "snapshot", "", "Clone a snapshot of the volume, by its name or ID")
	fs.StringArrayVar(&labels, "label", nil, "Set metadata for the new volume, beside the other's")
	fs.StringArrayVarP(&options, "opt", "o", nil, "Set driver specific options of the new volume")
	return cmd
}
