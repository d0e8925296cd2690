// Package session is what one run of the client shares between its commands:
// the three streams, the daemon it talks to, the user's configuration, and how
// a command fails.
package session

import (
	"io"
	"os"
	"sync"

	"berth/internal/cli/engine"
	"berth/internal/cli/terminal"
	"berth/internal/fault"
)

// Session is one run of the client.
type Session struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal terminal.Guard
	Flags    Flags
	// Getenv is os.LookupEnv outside of tests.
	Getenv func(string) (string, bool)

	once   sync.Once
	client *engine.Client
	err    error

	configOnce sync.Once
	config     Config
}

// New returns a session on the process's own streams.
func New() *Session {
	return &Session{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv}
}

// Engine returns the client of the chosen daemon. It does not connect.
func (s *Session) Engine() (*engine.Client, error) {
	s.once.Do(func() { s.client, s.err = s.connect() })
	return s.client, s.err
}

func (s *Session) connect() (*engine.Client, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	version, _ := s.Getenv("DOCKER_API_VERSION")
	c, err := engine.New(engine.Options{Host: host, TLS: s.tls(), APIVersion: version, Header: s.Config().HTTPHeaders})
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "Failed to initialize: unable to resolve docker endpoint")
	}
	return c, nil
}

// host decides which daemon: -H, then BERTH_HOST, then DOCKER_HOST, then ours.
func (s *Session) host() (string, error) {
	if len(s.Flags.Hosts) > 0 && s.Flags.Context != "" {
		return "", fault.New(fault.Invalid, "conflicting options: cannot specify both --host and --context")
	}
	if len(s.Flags.Hosts) > 1 {
		return "", fault.New(fault.Invalid, "Specify only one -H")
	}
	name := s.Flags.Context
	if name == "" && len(s.Flags.Hosts) == 0 {
		name, _ = s.Getenv("DOCKER_CONTEXT")
	}
	if name != "" && name != "default" {
		return "", fault.New(fault.Unsupported,
			"Failed to initialize: context %q: contexts other than \"default\" are not supported yet", name)
	}
	if len(s.Flags.Hosts) == 1 {
		return s.Flags.Hosts[0], nil
	}
	for _, env := range []string{"BERTH_HOST", "DOCKER_HOST"} {
		if v, _ := s.Getenv(env); v != "" {
			return v, nil
		}
	}
	return engine.DefaultHost, nil
}

// Context returns the name of the context in use.
func (s *Session) Context() string { return "default" }

// IsInTerminal reports whether standard input is a terminal.
func (s *Session) IsInTerminal() bool { return terminal.Is(s.In) }

// IsOutTerminal reports whether standard output is a terminal.
func (s *Session) IsOutTerminal() bool { return terminal.Is(s.Out) }

// CheckTTY refuses a terminal for the container when input comes from a pipe.
func (s *Session) CheckTTY(attachStdin, tty bool) error {
	if attachStdin && tty && !s.IsInTerminal() {
		return fault.New(fault.Invalid, "the input device is not a TTY")
	}
	return nil
}
