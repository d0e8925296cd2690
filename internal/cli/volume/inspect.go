package volume

import (
	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"
)

// newInspect returns `volume inspect`.
func newInspect(s *session.Session) *cobra.Command {
	var text string
	var size bool
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
				raw, err := client.Volumes().Raw(cmd.Context(), name, size)
				if err != nil {
					return format.Inspected{}, err
				}
				return shown(raw, size), nil
			})
		},
	}
	cmd.Flags().BoolVarP(&size, "size", "s", false, "Display what the volume holds and which containers have it")
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	return cmd
}

// shown gives a volume its typed form. What only berth says of one is in its JSON alone, which
// templates read too.
func shown(raw []byte, size bool) format.Inspected {
	if size {
		return format.InspectedAs[engine.UsedVolume](raw)
	}
	return format.InspectedAs[volume.Volume](raw)
}
