package container

import (
	"context"
	"io"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types"
	"github.com/spf13/cobra"
)

// NewLogs returns `logs`.
func NewLogs(s *session.Session) *cobra.Command {
	o := &engine.LogOptions{}
	cmd := &cobra.Command{
		Use:   "logs [OPTIONS] CONTAINER",
		Short: "Fetch the logs of a container",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogs(cmd.Context(), s, *o, args[0])
		},
		Annotations: aliases("berth container logs, berth logs"),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.Details, "details", false, "Show extra details provided to logs")
	fs.BoolVarP(&o.Follow, "follow", "f", false, "Follow log output")
	fs.StringVar(&o.Since, "since", "", `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	fs.StringVarP(&o.Tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	fs.BoolVarP(&o.Timestamps, "timestamps", "t", false, "Show timestamps")
	fs.StringVar(&o.Until, "until", "", `Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	return cmd
}

func runLogs(ctx context.Context, s *session.Session, o engine.LogOptions, name string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	now := time.Now()
	if o.Since, err = opts.Timestamp(o.Since, now); err != nil {
		return fault.Wrap(fault.Invalid, err, `invalid value for "since"`)
	}
	if o.Until, err = opts.Timestamp(o.Until, now); err != nil {
		return fault.Wrap(fault.Invalid, err, `invalid value for "until"`)
	}
	logs, err := client.Containers().Logs(ctx, name, o)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	raw := logs.Media == types.MediaTypeRawStream
	if !raw && logs.Media != types.MediaTypeMultiplexedStream {
		// A daemon before API 1.42 does not say whether there are frames.
		c, err := client.Containers().Inspect(ctx, name)
		if err != nil {
			return err
		}
		raw = c.Config != nil && c.Config.Tty
	}
	if raw {
		_, err = io.Copy(s.Out, logs)
	} else {
		_, err = stdcopy.StdCopy(s.Out, s.Err, logs)
	}
	return err
}
