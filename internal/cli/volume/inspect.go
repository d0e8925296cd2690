package volume

import (
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"
)

// newInspect returns `volume inspect`.
func newInspect(s *session.Session) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] VOLUME [VOLUME...]",
		Short: "Display detailed information on one or more volumes",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args, text, func(name string) (format.Inspected, error) {
				raw, err := client.System().ObjectRaw(cmd.Context(), "volumes", name)
				if err != nil {
					return format.Inspected{}, err
				}
				return format.InspectedAs[volume.Volume](raw), nil
			})
		},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	return cmd
}
