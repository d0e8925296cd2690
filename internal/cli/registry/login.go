// Package registry has the client's commands on registries.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"berth/internal/cli/credentials"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"
	"berth/internal/fault"

	"github.com/moby/moby/api/types/registry"
	"github.com/spf13/cobra"
)

const (
	// hub is the key of Docker Hub's login.
	hub     = credentials.Hub
	hubName = credentials.HubHost

	// stdin as a password stands for one that is read.
	stdin = "-"
)

// noWebLogin is said where docker's client would have a browser log in at Docker Hub, which gives that to clients that it knows.
const noWebLogin = "There is no web-based login: log in with your Docker ID and a personal access token (https://app.docker.com/settings),\nor use 'berth login -u USERNAME'.\n\n"

type loginOptions struct {
	server, user, password string
	fromStdin              bool
}

// NewLogin returns `login`.
func NewLogin(s *session.Session) *cobra.Command {
	o := &loginOptions{}
	cmd := &cobra.Command{
		Use:   "login [OPTIONS] [SERVER]",
		Short: "Authenticate to a registry",
		Long:  "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
		Args:  session.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.server = args[0]
			}
			o.fromStdin = o.fromStdin || o.password == stdin
			if err := o.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return runLogin(cmd.Context(), s, o)
		},
		Annotations: map[string]string{"category-top": "8"},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.password, "password", "p", "", `Password or Personal Access Token (PAT), or "-" to read from stdin`)
	fs.BoolVar(&o.fromStdin, "password-stdin", false, "Take the Password or Personal Access Token (PAT) from stdin")
	fs.StringVarP(&o.user, "username", "u", "", "Username")
	return cmd
}

func (o *loginOptions) check(given func(string) bool) error {
	switch {
	case o.fromStdin && given("password") && o.password != stdin:
		return errors.New("conflicting options: cannot specify both --password and --password-stdin")
	case o.fromStdin && !given("username"):
		return errors.New("the --password-stdin option requires --username to be set")
	case given("username") && o.user == "":
		return errors.New("username is empty")
	case given("password") && o.password == "":
		return errors.New("password is empty")
	}
	return nil
}

func runLogin(ctx context.Context, s *session.Session, o *loginOptions) error {
	if o.password != "" && o.password != stdin {
		_, _ = fmt.Fprintln(s.Err, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
	}
	if o.fromStdin {
		if err := o.readPassword(s.In); err != nil {
			return err
		}
	}
	warnOfEnv(s)
	client, err := s.Engine()
	if err != nil {
		return err
	}
	store := s.Credentials()
	login := credentials.Login{Server: hub}
	if o.server != "" && o.server != hub && o.server != hubName {
		login.Server = credentials.Host(o.server)
	}
	if o.user == "" && o.password == "" {
		stored, err := store.Get(login.Server)
		if err != nil {
			_, _ = fmt.Fprintln(s.Err, "WARNING:", err)
		} else if stored.User != "" && stored.Password != "" {
			if again(ctx, s, client, store, stored) {
				return nil
			}
		}
		o.user = ""
		login.User = stored.User
	}
	if err := o.ask(ctx, s, &login); err != nil {
		return err
	}
	status, err := try(ctx, client, store, login)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, status)
	return err
}

// warnOfEnv tells of logins that come before those that a command changes.
func warnOfEnv(s *session.Session) {
	if set, _ := s.Getenv(credentials.EnvVar); set == "" {
		return
	}
	sign := " Warn -> "
	if terminal.Is(s.Err) {
		sign = "\x1b[1m\x1b[103m\x1b[30mw\x1b[0m \x1b[93mWarn → \x1b[0m\x1b[0m"
	}
	_, _ = fmt.Fprintf(s.Err, "\n%s%s is set and takes precedence.\n         Unset %[2]s to restore the CLI auth behaviour.\n         \n", sign, credentials.EnvVar)
}

// readPassword takes the password from the input, without the line's end.
func (o *loginOptions) readPassword(in io.Reader) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	o.password = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	return nil
}

// again logs in with what is kept, and reports whether that did it.
func again(ctx context.Context, s *session.Session, client *engine.Client, store *credentials.Store, l credentials.Login) bool {
	_, _ = fmt.Fprintf(s.Err, "Authenticating with existing credentials... [Username: %s]\n", l.User)
	info := " Info -> "
	if terminal.Is(s.Err) {
		info = "\x1b[104;30m\x1b[1mi\x1b[0m\x1b[0m\x1b[1m Info → \x1b[0m "
	}
	_, _ = fmt.Fprint(s.Err, "\n"+info+"To login with a different account, run 'berth logout' followed by 'berth login'\n\n\n")
	status, err := try(ctx, client, store, l)
	switch {
	case err == nil:
		_, _ = fmt.Fprintln(s.Out, status)
		return true
	case fault.Is(err, fault.Unauthorized):
		_, _ = fmt.Fprintln(s.Err, "Stored credentials invalid or expired")
	default:
		_, _ = fmt.Fprintln(s.Err, "Login did not succeed, error:", err)
	}
	return false
}

// try has the daemon try a login, and keeps it when it is good.
func try(ctx context.Context, client *engine.Client, store *credentials.Store, l credentials.Login) (string, error) {
	answer, err := client.System().Login(ctx, registry.AuthConfig{Username: l.User, Password: l.Password, ServerAddress: l.Server})
	if err != nil {
		return "", err
	}
	if answer.IdentityToken != "" {
		l.Password, l.Token = "", answer.IdentityToken
	}
	if err := store.Put(l); err != nil {
		return "", fmt.Errorf("Error saving credentials: %w", err) //nolint:staticcheck // Docker's text
	}
	return answer.Status, nil
}

// ask completes a login from the flags, and from the user at a terminal.
func (o *loginOptions) ask(ctx context.Context, s *session.Session, l *credentials.Login) error {
	if (o.user == "" || o.password == "") && !s.IsInTerminal() {
		return errors.New("Error: Cannot perform an interactive login from a non TTY device") //nolint:staticcheck // Docker's text
	}
	usual := l.User
	l.User, l.Password = strings.TrimSpace(o.user), o.password
	if l.User == "" {
		if l.Server == hub {
			_, _ = fmt.Fprint(s.Err, noWebLogin)
		}
		question := "Username: "
		if usual != "" {
			question = "Username (" + usual + "): "
		}
		_, _ = fmt.Fprint(s.Out, question)
		var err error
		if l.User, err = s.ReadLine(ctx); err != nil {
			return err
		}
		if l.User == "" {
			l.User = usual
		}
		if l.User == "" {
			return errors.New("Error: Non-null Username Required") //nolint:staticcheck // Docker's text
		}
	}
	if l.Password == "" {
		_, _ = fmt.Fprint(s.Out, "Password: ")
		secret, err := terminal.ReadSecret(ctx, s.In)
		_, _ = fmt.Fprintln(s.Out)
		switch {
		case ctx.Err() != nil:
			return session.Cancelled{What: "prompt terminated"}
		case err != nil:
			return err
		case secret == "":
			return errors.New("Error: Password Required") //nolint:staticcheck // Docker's text
		}
		l.Password = secret
	}
	return nil
}
