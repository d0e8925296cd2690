package volume

import (
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newRename returns `volume rename`.
func newRename(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "rename VOLUME NEW_NAME",
		Short: "Give a volume that no running container has another name",
		Args:  session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return client.Volumes().Rename(cmd.Context(), args[0], args[1])
		},
	}
}
