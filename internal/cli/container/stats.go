package container

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"
	"berth/internal/cli/stats"

	"github.com/moby/moby/api/types/events"
	"github.com/spf13/cobra"
)

// refresh is how often the live table is printed.
const refresh = 500 * time.Millisecond

type statsOptions struct {
	all, once, noTrunc bool
	format             string
}

// NewStats returns `stats`.
func NewStats(s *session.Session) *cobra.Command {
	o := &statsOptions{}
	cmd := &cobra.Command{
		Use:   "stats [OPTIONS] [CONTAINER...]",
		Short: "Display a live stream of container(s) resource usage statistics",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStats(cmd.Context(), s, o, args)
		},
		Annotations: aliases("berth container stats, berth stats"),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all", "a", false, "Show all containers (default shows just running)")
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.BoolVar(&o.once, "no-stream", false, "Disable streaming stats and only pull the first result")
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Do not truncate output")
	return cmd
}

func runStats(ctx context.Context, s *session.Session, o *statsOptions, names []string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	if o.format == "" {
		o.format = s.Config().StatsFormat
	}
	board := stats.NewBoard(client, !o.once)
	// Those named are all there will be; otherwise containers come and go.
	gone := make(chan error, 1)
	if len(names) > 0 {
		for _, name := range names {
			board.Add(ctx, name)
		}
		board.WaitFirst()
		if err := board.Err(); err != nil {
			return err
		}
	} else if err := o.addAll(ctx, client, board, gone); err != nil {
		return err
	}
	if o.once {
		rows := board.Rows(!o.noTrunc)
		if len(rows) == 0 {
			return nil
		}
		return stats.Write(s.Out, o.format, rows)
	}
	return showStats(ctx, s, o, board, gone)
}

// addAll puts all containers on the board, and follows those that come and go
// unless one look is enough. It subscribes before it lists, so that it misses none.
func (o *statsOptions) addAll(ctx context.Context, client *engine.Client, board *stats.Board, gone chan<- error) error {
	var changes *engine.Events
	if !o.once {
		var err error
		changes, err = client.System().Events(ctx, engine.EventOptions{Filters: map[string][]string{"type": {"container"}}})
		if err != nil {
			return err
		}
	}
	list, err := client.Containers().List(ctx, engine.ListOptions{All: o.all})
	if err == nil {
		for _, c := range list {
			board.Add(ctx, format.ShortID(c.ID))
		}
		board.WaitFirst()
	}
	switch {
	case changes == nil:
		return err
	case err != nil:
		changes.Close()
		return err
	}
	go func() {
		defer changes.Close()
		for {
			e, err := changes.Next()
			if err != nil {
				gone <- err
				return
			}
			comeAndGo(ctx, board, o.all, e)
		}
	}()
	return nil
}

// comeAndGo follows one event. One that only ended stays on the board of all.
func comeAndGo(ctx context.Context, board *stats.Board, all bool, e engine.Event) {
	id := format.ShortID(e.Actor.ID)
	switch e.Action {
	case events.ActionStart:
		board.Add(ctx, id)
	case events.ActionCreate:
		if all {
			board.Add(ctx, id)
		}
	case events.ActionDie:
		if !all {
			board.Remove(id)
		}
	case events.ActionDestroy:
		board.Remove(id)
	}
}

// showStats prints the table again and again, over the one before.
func showStats(ctx context.Context, s *session.Session, o *statsOptions, board *stats.Board, gone <-chan error) error {
	ticks := time.NewTicker(refresh)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-gone:
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil // the daemon restarts
			}
			return err
		case <-ticks.C:
			var table bytes.Buffer
			if err := stats.Write(&table, o.format, board.Rows(!o.noTrunc)); err != nil {
				return err
			}
			if _, err := s.Out.Write(stats.Frame(table.Bytes())); err != nil {
				return err
			}
		}
	}
}
