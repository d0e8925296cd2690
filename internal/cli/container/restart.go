package container

import (
	"errors"
	"fmt"

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

// NewRestart returns `restart`.
func NewRestart(s *session.Session) *cobra.Command {
	g := &grace{}
	cmd := &cobra.Command{
		Use:   "restart [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Restart one or more containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seconds, err := g.seconds(cmd.Flags())
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			var errs []error
			// One after the other: containers may need each other.
			for _, name := range args {
				if err := client.Containers().Restart(cmd.Context(), name, g.signal, seconds); err != nil {
					errs = append(errs, err)
					continue
				}
				_, _ = fmt.Fprintln(s.Out, name)
			}
			return errors.Join(errs...)
		},
		Annotations: aliases("berth container restart, berth restart"),
	}
	g.install(cmd.Flags())
	return cmd
}
