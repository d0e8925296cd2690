package snapshot

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

type listOptions struct {
	quiet, noTrunc, size bool
	format               string
	filter               opts.Filters
}

// newSnapshots returns `snapshots`, with `rm` below it.
func newSnapshots(s *session.Session, k Kind) *cobra.Command {
	o := &listOptions{}
	cmd := &cobra.Command{
		Use:   "snapshots [OPTIONS] [" + k.arg() + "]",
		Short: "List the snapshots of a " + string(k) + ", or of all",
		Args:  session.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			of := ""
			if len(args) == 1 {
				of = args[0]
			}
			return o.run(cmd.Context(), s, k, of)
		},
	}
	fs := cmd.Flags()
	fs.VarP(&o.filter, "filter", "f", `Provide filter values (e.g. "label=<label>")`)
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only display snapshot IDs")
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate output")
	fs.BoolVarP(&o.size, "size", "s", false, "Display what each snapshot takes of the disk alone")
	cmd.AddCommand(newRm(s, k), newInspect(s, k))
	return cmd
}

func (o *listOptions) run(ctx context.Context, s *session.Session, k Kind, of string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	list, err := client.Snapshots(string(k)+"s").List(ctx, of, o.filter.Values, o.size)
	if err != nil {
		return err
	}
	rows := make([]*Row, 0, len(list))
	for _, x := range list {
		rows = append(rows, &Row{x, !o.noTrunc && !o.quiet})
	}
	return format.Write(s.Out, o.template(k), header(), rows)
}

// template is what is shown of each snapshot.
func (o *listOptions) template(k Kind) string {
	of := map[Kind]string{Volumes: "{{.Volume}}", Containers: "{{.Container}}"}[k]
	switch {
	case o.quiet:
		return "{{.ID}}"
	case o.format == "raw":
		return "id: {{.ID}}\nname: {{.Name}}\n" + string(k) + ": " + of + "\ncreated_at: {{.CreatedAt}}\nsize: {{.Size}}\n"
	case o.format != "" && o.format != "table":
		return o.format
	case o.size:
		return "table {{.ID}}\t{{.Name}}\t" + of + "\t{{.CreatedSince}}\t{{.Size}}\t{{.UniqueSize}}"
	}
	return "table {{.ID}}\t{{.Name}}\t" + of + "\t{{.CreatedSince}}\t{{.Size}}"
}

// newRm returns `snapshots rm`.
func newRm(s *session.Session, k Kind) *cobra.Command {
	return &cobra.Command{
		Use:     "rm " + k.arg() + " SNAPSHOT [SNAPSHOT...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more snapshots of a " + string(k),
		Args:    session.MinArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range args[1:] {
				if err := client.Snapshots(string(k)+"s").Remove(cmd.Context(), args[0], name); err != nil {
					errs = append(errs, err)
					continue
				}
				_, _ = fmt.Fprintln(s.Out, name)
			}
			return errors.Join(errs...)
		},
	}
}

// newInspect returns `snapshots inspect`.
func newInspect(s *session.Session, k Kind) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] " + k.arg() + " SNAPSHOT [SNAPSHOT...]",
		Short: "Display detailed information on one or more snapshots of a " + string(k),
		Args:  session.MinArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args[1:], text, func(name string) (format.Inspected, error) {
				raw, err := client.Snapshots(string(k)+"s").Raw(cmd.Context(), args[0], name)
				return format.InspectedAs[engine.Snapshot](raw), err
			})
		},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	return cmd
}
