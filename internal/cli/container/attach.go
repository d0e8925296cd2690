package container

import (
	"context"
	"errors"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

type attachOptions struct {
	noStdin, sigProxy bool
	detachKeys        string
}

// NewAttach returns `attach`.
func NewAttach(s *session.Session) *cobra.Command {
	o := &attachOptions{}
	cmd := &cobra.Command{
		Use:   "attach [OPTIONS] CONTAINER",
		Short: "Attach local standard input, output, and error streams to a running container",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAttach(cmd.Context(), s, o, args[0])
		},
		Annotations: aliases("berth container attach, berth attach"),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.BoolVar(&o.noStdin, "no-stdin", false, "Do not attach STDIN")
	fs.BoolVar(&o.sigProxy, "sig-proxy", true, "Proxy all received signals to the process")
	return cmd
}

func runAttach(ctx context.Context, s *session.Session, o *attachOptions, name string) error {
	keys, err := detachKeys(s, o.detachKeys)
	if err != nil {
		return err
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	c, err := client.Containers().Inspect(ctx, name)
	if err != nil {
		return err
	}
	if err := attachable(c); err != nil {
		return err
	}
	if err := s.CheckTTY(!o.noStdin, c.Config.Tty); err != nil {
		return err
	}
	if o.sigProxy && !c.Config.Tty {
		ctx = context.WithoutCancel(ctx)
		defer proxySignals(ctx, client, c.ID)()
	}
	// Registered before the streams open, so that no exit code is missed.
	waiter, err := client.Containers().Wait(ctx, c.ID, "")
	if err != nil {
		return err
	}
	defer waiter.Close()
	options := engine.AttachOptions{
		Stdin: !o.noStdin && c.Config.OpenStdin, Stdout: true, Stderr: true, DetachKeys: keys,
	}
	conn, err := client.Containers().Attach(ctx, c.ID, options)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if c.Config.Tty && s.IsOutTerminal() {
		defer redraw(ctx, s, client, c.ID)()
	}
	x := &streams{
		session: s, conn: conn, tty: c.Config.Tty, detachKeys: keys,
		stdin: options.Stdin, out: true, stderr: true,
	}
	err = x.run(ctx)
	if err != nil {
		// Docker's attach says so when the user detached, with code 1; run does not.
		return err
	}
	return exitStatus(waiter)
}

// attachable refuses containers that have no process to attach to.
func attachable(c container.InspectResponse) error {
	switch {
	case c.State == nil || c.Config == nil:
		return errors.New("the daemon's description of the container is incomplete")
	case !c.State.Running:
		return errors.New("You cannot attach to a stopped container, start it first") //nolint:staticcheck // Docker's text
	case c.State.Paused:
		return errors.New("You cannot attach to a paused container, unpause it first") //nolint:staticcheck // Docker's text
	case c.State.Restarting:
		return errors.New("You cannot attach to a restarting container, wait until it is running") //nolint:staticcheck // Docker's text
	}
	return nil
}

// redraw makes the program paint its screen again: a size one too large, then
// the real one. Without that a re-attached shell shows no prompt until a key is hit.
func redraw(ctx context.Context, s *session.Session, client *engine.Client, id string) (stop func()) {
	resize := func(ctx context.Context, h, w uint) error { return client.Containers().Resize(ctx, id, h, w) }
	if h, w := terminal.Size(s.Out); h != 0 || w != 0 {
		_ = resize(ctx, h+1, w+1)
	}
	return followSize(ctx, s, resize)
}
