package container

import (
	"context"
	"errors"

	"berth/internal/cli/batch"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// grace is how stop and restart end a container.
type grace struct {
	signal  string
	timeout int
}

func (g *grace) install(fs *pflag.FlagSet) {
	fs.StringVarP(&g.signal, "signal", "s", "", "Signal to send to the container")
	fs.IntVarP(&g.timeout, "timeout", "t", 0, "Seconds to wait before killing the container")
	fs.IntVar(&g.timeout, "time", 0, "Seconds to wait before killing the container (deprecated: use --timeout)")
	_ = fs.MarkDeprecated("time", "use --timeout instead")
}

// seconds returns the timeout that was asked for, nil for the container's own.
func (g *grace) seconds(fs *pflag.FlagSet) (*int, error) {
	old, current := fs.Changed("time"), fs.Changed("timeout")
	switch {
	case old && current:
		return nil, errors.New("conflicting options: cannot specify both --timeout and --time")
	case old || current:
		return &g.timeout, nil
	}
	return nil, nil
}

// ending is a call that ends a container with a signal and after some seconds,
// nil for the container's own, by force.
type ending func(c engine.Containers, ctx context.Context, name, signal string, seconds *int) error

// withGrace completes a command that ends containers.
func withGrace(s *session.Session, cmd *cobra.Command, over batch.Order, end ending) *cobra.Command {
	g := &grace{}
	fs := cmd.Flags()
	g.install(fs)
	return batch.Verb(s, cmd, over, func(c *engine.Client) (batch.Op, error) {
		seconds, err := g.seconds(fs)
		return func(ctx context.Context, name string) error { return end(c.Containers(), ctx, name, g.signal, seconds) }, err
	})
}
