package network

import (
	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

// newInspect returns `network inspect`.
func newInspect(s *session.Session) *cobra.Command {
	var text string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] NETWORK [NETWORK...]",
		Short: "Display detailed information on one or more networks",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args, text, func(ref string) (format.Inspected, error) {
				raw, err := engine.NetworksOf(client).Inspect(cmd.Context(), ref, verbose)
				if err != nil {
					return format.Inspected{}, err
				}
				return format.InspectedAs[network.Inspect](raw), nil
			})
		},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "Verbose output for diagnostics")
	return cmd
}
