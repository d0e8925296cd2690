package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"berth/internal/cli/creation"
	"berth/internal/cli/engine"
	"berth/internal/cli/imageref"
	"berth/internal/cli/platform"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"
	"berth/internal/cli/transfer"
	"berth/internal/fault"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

// NewCreate returns `create`.
func NewCreate(s *session.Session) *cobra.Command {
	o := &creation.Options{}
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Create a new container",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCreate(cmd.Context(), s, o, args, cmd.Flags().Changed)
		},
		Annotations: aliases("berth container create, berth create"),
	}
	cmd.Flags().SetInterspersed(false)
	o.Install(cmd.Flags(), defaultPlatform(s), "creating")
	s.InstallTrust(cmd.Flags())
	return cmd
}

func runCreate(ctx context.Context, s *session.Session, o *creation.Options, args []string, changed func(string) bool) error {
	req, err := prepare(s, o, args, changed)
	if err != nil {
		return &session.StatusError{Code: 125, Text: session.WithHelp(err, "create"), Cause: err}
	}
	id, err := create(ctx, s, o, req)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, id)
	return err
}

// prepare reads everything that can be wrong without asking the daemon.
func prepare(s *session.Session, o *creation.Options, args []string, changed func(string) bool) (engine.CreateRequest, error) {
	var proxy []string
	if c := s.Config(); len(c.Proxies) > 0 {
		client, err := s.Engine()
		if err != nil {
			return engine.CreateRequest{}, err
		}
		proxy = c.ProxyEnv(client.Host())
	}
	return o.Request(args, changed, proxy)
}

// create makes the container, pulling its image first when it must, and
// returns the full ID.
func create(ctx context.Context, s *session.Session, o *creation.Options, req engine.CreateRequest) (id string, err error) {
	client, err := s.Engine()
	if err != nil {
		return "", err
	}
	cid, err := openCIDFile(req.HostConfig.ContainerIDFile)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, cid.close()) }()
	m := &making{session: s, client: client, options: o, request: req}
	if err := m.plan(); err != nil {
		return "", err
	}
	made, err := m.make(ctx)
	if err != nil {
		return "", err
	}
	if m.logins != nil {
		if err := putLogins(ctx, client, made.ID, m.logins); err != nil {
			made.Warnings = append(made.Warnings, fmt.Sprintf("injecting docker config.json into container failed: %v", err))
		}
	}
	for _, w := range made.Warnings {
		_, _ = fmt.Fprintln(s.Err, "WARNING:", w)
	}
	return made.ID, cid.write(made.ID)
}

// making is a container on its way.
type making struct {
	session *session.Session
	client  *engine.Client
	options *creation.Options
	request engine.CreateRequest

	ref      imageref.Ref // empty when the image is given by its ID, which nobody can pull
	platform string
	logins   []byte // a configuration that is put into the container
}

// plan reads what can be wrong, and completes the request.
func (m *making) plan() (err error) {
	o := m.options
	if o.Pull == creation.Always || !imageref.IsID(m.request.Image) {
		if m.ref, err = imageref.Parse(m.request.Image); err != nil {
			return err
		}
	}
	if m.platform, err = platformOf(o.Platform); err != nil {
		return err
	}
	if o.APISocket {
		if m.logins, err = addSocket(m.session, m.client, &m.request); err != nil {
			return err
		}
	}
	h, w := terminal.Size(m.session.Out)
	m.request.HostConfig.ConsoleSize = [2]uint{h, w}
	return nil
}

// make asks the daemon, and for the image first or in between.
func (m *making) make(ctx context.Context) (container.CreateResponse, error) {
	o := m.options
	if o.Pull == creation.Always {
		if err := m.pull(ctx); err != nil {
			return container.CreateResponse{}, err
		}
	}
	made, err := m.client.Containers().Create(ctx, o.Name, m.platform, m.request)
	if !fault.Is(err, fault.NotFound) || m.ref == (imageref.Ref{}) || o.Pull != creation.Missing && o.Pull != "" {
		return made, err
	}
	if !o.Quiet {
		_, _ = fmt.Fprintf(m.session.Err, "Unable to find image '%s' locally\n", m.ref.WithDefaultTag().Familiar())
	}
	if err := m.pull(ctx); err != nil {
		return container.CreateResponse{}, err
	}
	return m.client.Containers().Create(ctx, o.Name, m.platform, m.request)
}

func (m *making) pull(ctx context.Context) error {
	out := m.session.Err
	if m.options.Quiet {
		out = io.Discard
	}
	t := transfer.Of(m.session, m.ref.WithDefaultTag(), m.options.Platform)
	return transfer.PullOne(ctx, m.session, t, out)
}

// platformOf reads a platform and writes it as the API wants it.
func platformOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	p, err := platform.Parse(text)
	if err != nil {
		return "", fmt.Errorf("error parsing specified platform: %w", err)
	}
	return platform.Format(p), nil
}

// cidFile holds the new container's ID; it goes again when there is none.
type cidFile struct {
	path    string
	file    *os.File
	written bool
}

func openCIDFile(path string) (*cidFile, error) {
	if path == "" {
		return &cidFile{}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666) // #nosec G302 -- as docker's, for scripts of other users
	if errors.Is(err, os.ErrExist) {
		return nil, errors.New("container ID file found, make sure the other container isn't running or delete " + path)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to create the container ID file: %w", err)
	}
	return &cidFile{path: path, file: f}, nil
}

func (c *cidFile) write(id string) error {
	if c.file == nil {
		return nil
	}
	if _, err := c.file.WriteString(id); err != nil {
		return fmt.Errorf("failed to write the container ID (%s) to file: %w", id, err)
	}
	c.written = true
	return nil
}

func (c *cidFile) close() error {
	if c.file == nil {
		return nil
	}
	_ = c.file.Close()
	if c.written {
		return nil
	}
	if err := os.Remove(c.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("failed to remove the CID file: %w", err)
	}
	return nil
}

func defaultPlatform(s *session.Session) string {
	v, _ := s.Getenv("DOCKER_DEFAULT_PLATFORM")
	return v
}

// aliases are shown by help under "Aliases".
func aliases(text string) map[string]string { return map[string]string{"aliases": text} }
