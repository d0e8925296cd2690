package registry

import (
	"fmt"

	"berth/internal/cli/credentials"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewLogout returns `logout`.
func NewLogout(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "logout [SERVER]",
		Short: "Log out from a registry",
		Long:  "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
		Args:  session.MaxArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			warnOfEnv(s)
			server, names := hub, []string{hub}
			if len(args) > 0 && args[0] != "" {
				server = credentials.Host(args[0])
				// Under these names older clients have kept logins.
				names = []string{args[0], server, "http://" + server, "https://" + server}
			}
			_, _ = fmt.Fprintln(s.Out, "Removing login credentials for", server)
			store := s.Credentials()
			failed := map[string]error{}
			for _, name := range names {
				if err := store.Remove(name); err != nil {
					failed[name] = err
				}
			}
			if len(failed) == len(names) {
				_, _ = fmt.Fprintln(s.Err, "WARNING: could not erase credentials:")
				for _, name := range names {
					_, _ = fmt.Fprintf(s.Err, "%s: %s\n", name, failed[name])
				}
			}
			return nil
		},
		Annotations: map[string]string{"category-top": "9"},
	}
}
