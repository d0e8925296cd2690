package container

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewTop returns `top`.
func NewTop(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top CONTAINER [ps OPTIONS]",
		Short: "Display the running processes of a container",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			list, err := client.Readings().Top(cmd.Context(), args[0], args[1:])
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(s.Out, 20, 1, 3, ' ', 0)
			_, _ = fmt.Fprintln(w, strings.Join(list.Titles, "\t"))
			for _, process := range list.Processes {
				_, _ = fmt.Fprintln(w, strings.Join(process, "\t"))
			}
			return w.Flush()
		},
		Annotations: aliases("berth container top, berth top"),
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
