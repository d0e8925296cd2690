// Package manifest has the client's commands on manifests, one file a verb. A
// list is made in files of the client's and goes to a registry when it is
// pushed; no daemon is asked.
package manifest

import (
	"path/filepath"

	"berth/internal/cli/distribution"
	"berth/internal/cli/imageref"
	"berth/internal/cli/session"
	"berth/internal/login"

	"github.com/spf13/cobra"
)

// NewCommand returns `manifest` with its verbs.
func NewCommand(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifest COMMAND",
		Short: "Manage Docker image manifests and manifest lists",
	}
	cmd.AddCommand(newAnnotate(s), newCreate(s), newInspect(s), newPush(s), newRm(s))
	return cmd
}

func lists(s *session.Session) store { return store{filepath.Join(s.ConfigDir(), "manifests")} }

// registries returns a client of registries that logs in as the user has.
func registries(s *session.Session, insecure bool) *distribution.Client {
	logins := s.Credentials()
	return distribution.New(insecure, func(host string) login.Credentials {
		l := logins.For(host)
		return login.Credentials{Username: l.User, Password: l.Password, IdentityToken: l.Token, ServerAddress: l.Server}
	})
}

// named reads a reference; without a version it is the latest.
func named(text string) (imageref.Ref, error) {
	ref, err := imageref.Parse(text)
	return ref.WithDefaultTag(), err
}
