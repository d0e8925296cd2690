package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

type startOptions struct {
	attach, interactive bool
	detachKeys          string
}

// NewStart returns `start`.
func NewStart(s *session.Session) *cobra.Command {
	o := &startOptions{}
	cmd := &cobra.Command{
		Use:   "start [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Start one or more stopped containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.attach || o.interactive {
				return startAttached(cmd.Context(), s, o, args)
			}
			return startAll(cmd.Context(), s, args)
		},
		Annotations: aliases("berth container start, berth start"),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.attach, "attach", "a", false, "Attach STDOUT/STDERR and forward signals")
	fs.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.BoolVarP(&o.interactive, "interactive", "i", false, "Attach container's STDIN")
	const experimental = "with experimental features enabled"
	session.Refuse(fs, session.Refused{Name: "checkpoint", Only: experimental}, session.Refused{Name: "checkpoint-dir", Only: experimental})
	return cmd
}

func startAll(ctx context.Context, s *session.Session, names []string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	var failed []string
	for _, name := range names {
		if err := client.Containers().Start(ctx, name); err != nil {
			_, _ = fmt.Fprintln(s.Err, err)
			failed = append(failed, name)
			continue
		}
		_, _ = fmt.Fprintln(s.Out, name)
	}
	if len(failed) > 0 {
		return fmt.Errorf("Error: failed to start containers: %s", strings.Join(failed, ", ")) //nolint:staticcheck // Docker's text
	}
	return nil
}

func startAttached(ctx context.Context, s *session.Session, o *startOptions, names []string) error {
	if len(names) > 1 {
		return errors.New("you cannot start and attach multiple containers at once")
	}
	keys, err := detachKeys(s, o.detachKeys)
	if err != nil {
		return err
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	c, err := client.Containers().Inspect(ctx, names[0])
	if err != nil {
		return err
	}
	if c.Config == nil || c.HostConfig == nil {
		return errors.New("the daemon's description of the container is incomplete")
	}
	a := &attached{session: s, client: client, id: c.ID, tty: c.Config.Tty, removed: c.HostConfig.AutoRemove}
	a.options = engine.AttachOptions{
		Stdin: o.interactive && c.Config.OpenStdin, Stdout: true, Stderr: true, DetachKeys: keys,
	}
	if !c.Config.Tty {
		ctx = context.WithoutCancel(ctx)
		defer proxySignals(ctx, client, c.ID)()
	}
	return a.run(ctx, func(ctx context.Context) error { return client.Containers().Start(ctx, c.ID) })
}
