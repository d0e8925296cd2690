package container

import (
	"fmt"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewDiff returns `diff`.
func NewDiff(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "diff CONTAINER",
		Short: "Inspect changes to files or directories on a container's filesystem",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			changes, err := client.Files().Diff(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, c := range changes {
				_, _ = fmt.Fprintln(s.Out, c.Kind, c.Path)
			}
			return nil
		},
		Annotations: aliases("berth container diff, berth diff"),
	}
}
