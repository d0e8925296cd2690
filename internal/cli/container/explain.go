package container

import (
	"fmt"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewExplain returns `explain`, which Docker does not have.
func NewExplain(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CONTAINER",
		Short: "Say in plain sentences why a container ended, restarts or does not start",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			sentences, err := client.Readings().Explain(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, line := range sentences {
				_, _ = fmt.Fprintln(s.Out, line)
			}
			return nil
		},
		Annotations: aliases("berth container explain, berth explain"),
	}
}
