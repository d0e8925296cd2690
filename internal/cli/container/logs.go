package container

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/logs"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/moby/moby/api/types"
	"github.com/spf13/cobra"
)

// NewLogs returns `logs`. Docker's takes one container and has no --grep.
func NewLogs(s *session.Session) *cobra.Command {
	o := &engine.LogOptions{}
	cmd := &cobra.Command{
		Use:   "logs [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Fetch the logs of one or more containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogs(cmd.Context(), s, *o, args)
		},
		Annotations: aliases("berth container logs, berth logs"),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.Details, "details", false, "Show extra details provided to logs")
	fs.BoolVarP(&o.Follow, "follow", "f", false, "Follow log output")
	fs.StringVar(&o.Grep, "grep", "", "Show only lines that match a regular expression")
	fs.StringVar(&o.Since, "since", "", `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	fs.StringVarP(&o.Tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	fs.BoolVarP(&o.Timestamps, "timestamps", "t", false, "Show timestamps")
	fs.StringVar(&o.Until, "until", "", `Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	return cmd
}

func runLogs(ctx context.Context, s *session.Session, o engine.LogOptions, names []string) error {
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
	if len(names) > 1 {
		return mergeLogs(ctx, s, client, o, names)
	}
	answer, raw, err := openLog(ctx, client, names[0], o)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	if raw {
		_, err = io.Copy(s.Out, answer)
	} else {
		err = logs.Copy(s.Out, s.Err, answer)
	}
	return err
}

// openLog asks for a log; raw is one without frames.
func openLog(ctx context.Context, client *engine.Client, name string, o engine.LogOptions) (answer engine.Logs, raw bool, err error) {
	if answer, err = client.Containers().Logs(ctx, name, o); err != nil {
		return answer, false, err
	}
	raw = answer.Media == types.MediaTypeRawStream
	if raw || answer.Media == types.MediaTypeMultiplexedStream {
		return answer, raw, nil
	}
	// A daemon before API 1.42 does not say whether there are frames.
	c, err := client.Containers().Inspect(ctx, name)
	if err != nil {
		_ = answer.Close()
		return answer, false, err
	}
	return answer, c.Config != nil && c.Config.Tty, nil
}

// mergeLogs shows several logs as one, every line behind its container's name.
func mergeLogs(ctx context.Context, s *session.Session, client *engine.Client, o engine.LogOptions, names []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := o.Timestamps
	o.Timestamps = true // the order is made of them
	all, width := logs.New(), 0
	for _, name := range names {
		answer, raw, err := openLog(ctx, client, name, o)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Close() }()
		all.Add(ctx, answer, raw)
		width = max(width, len(name))
	}
	return all.Merge(ctx, o.Follow, func(which int, l logs.Line) error {
		out, text := s.Out, l.Text
		if l.Stderr {
			out = s.Err
		}
		if !asked {
			text = l.Message()
		}
		name := names[which]
		_, err := fmt.Fprintf(out, "%s%s | %s\n", name, strings.Repeat(" ", width-len(name)), text)
		return err
	})
}
