package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

type eventsOptions struct {
	since, until, format string
	filter               opts.Filters
}

// NewEvents returns `events`.
func NewEvents(s *session.Session) *cobra.Command {
	o := &eventsOptions{}
	cmd := &cobra.Command{
		Use:         "events [OPTIONS]",
		Short:       "Get real time events from the server",
		Args:        session.NoArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return runEvents(cmd.Context(), s, o) },
		Annotations: map[string]string{"aliases": "berth system events, berth events"},
	}
	fs := cmd.Flags()
	fs.VarP(&o.filter, "filter", "f", "Filter output based on conditions provided")
	fs.StringVar(&o.format, "format", "", format.InspectHelp)
	fs.StringVar(&o.since, "since", "", "Show all events created since timestamp")
	fs.StringVar(&o.until, "until", "", "Stream events until this timestamp")
	return cmd
}

func runEvents(ctx context.Context, s *session.Session, o *eventsOptions) error {
	tmpl, err := eventTemplate(o.format)
	if err != nil {
		return &session.StatusError{Code: 64, Text: "Error parsing format: " + err.Error(), Cause: err}
	}
	options := engine.EventOptions{Filters: o.filter.Values}
	now := time.Now()
	if options.Since, err = opts.Timestamp(o.since, now); err != nil {
		return err
	}
	if options.Until, err = opts.Timestamp(o.until, now); err != nil {
		return err
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	events, err := client.System().Events(ctx, options)
	if err != nil {
		return err
	}
	defer events.Close()
	for {
		e, err := events.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
		if err := printEvent(s.Out, tmpl, e); err != nil {
			return err
		}
	}
}

// eventTemplate returns the template to print with, nil for docker's own line.
// A field that events do not have is told before the first event comes.
func eventTemplate(text string) (*template.Template, error) {
	switch text {
	case "":
		return nil, nil
	case "json":
		text = "{{json .}}"
	}
	tmpl, err := format.Parse(text)
	if err != nil {
		return nil, err
	}
	return tmpl, tmpl.Execute(io.Discard, &engine.Event{})
}

func printEvent(out io.Writer, tmpl *template.Template, e engine.Event) error {
	var b strings.Builder
	if tmpl == nil {
		b.WriteString(eventLine(e))
	} else if err := tmpl.Execute(&b, e); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, b.String())
	return err
}

// eventLine is an event in one line: time, type, action, ID, and the attributes
// by name.
func eventLine(e engine.Event) string {
	line := ""
	if at := time.Unix(e.Time, 0); e.Time != 0 || e.TimeNano != 0 {
		if e.TimeNano != 0 {
			at = time.Unix(0, e.TimeNano)
		}
		// All nine digits, so that lines stand below each other.
		line = at.Format("2006-01-02T15:04:05.000000000Z07:00") + " "
	}
	line += fmt.Sprintf("%s %s %s", e.Type, e.Action, e.Actor.ID)
	if len(e.Actor.Attributes) == 0 {
		return line
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(e.Actor.Attributes)) {
		pairs = append(pairs, k+"="+e.Actor.Attributes[k])
	}
	return line + " (" + strings.Join(pairs, ", ") + ")"
}
