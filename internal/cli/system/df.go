package system

import (
	"berth/internal/cli/format"
	"berth/internal/cli/session"
	"berth/internal/cli/usage"

	"github.com/spf13/cobra"
)

// NewDf returns `system df`.
func NewDf(s *session.Session) *cobra.Command {
	var verbose bool
	var text string
	cmd := &cobra.Command{
		Use:   "df [OPTIONS]",
		Short: "Show docker disk usage",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			used, err := client.System().DiskUsage(cmd.Context(), verbose)
			if err != nil {
				return err
			}
			if verbose {
				return usage.WriteAll(s.Out, text, used)
			}
			return usage.Write(s.Out, text, used)
		},
	}
	cmd.Flags().StringVar(&text, "format", "", format.Help)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "Show detailed information on space usage")
	return cmd
}
