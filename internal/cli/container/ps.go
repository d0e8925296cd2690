package container

import (
	"context"
	"fmt"
	"io"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/listing"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

type psOptions struct {
	all, quiet, latest, size, noTrunc bool
	last                              int
	format                            string
	filter                            opts.Filters
}

// NewPs returns `ps`.
func NewPs(s *session.Session) *cobra.Command {
	o := &psOptions{}
	cmd := &cobra.Command{
		Use:   "ps [OPTIONS]",
		Short: "List containers",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPs(cmd.Context(), s, o, cmd.Flags().Changed("size"))
		},
		Annotations: map[string]string{
			"category-top": "3",
			"aliases":      "berth container ls, berth container list, berth container ps, berth ps",
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all", "a", false, "Show all containers (default shows just running)")
	fs.VarP(&o.filter, "filter", "f", "Filter output based on conditions provided")
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.IntVarP(&o.last, "last", "n", -1, "Show n last created containers (includes all states)")
	fs.BoolVarP(&o.latest, "latest", "l", false, "Show the latest created container (includes all states)")
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate output")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only display container IDs")
	fs.BoolVarP(&o.size, "size", "s", false, "Display total file sizes")
	return cmd
}

// NewLs returns `container ls`, which is ps.
func NewLs(s *session.Session) *cobra.Command {
	cmd := NewPs(s)
	cmd.Use, cmd.Aliases = "ls [OPTIONS]", []string{"ps", "list"}
	return cmd
}

func runPs(ctx context.Context, s *session.Session, o *psOptions, sizeGiven bool) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	text := o.format
	switch {
	case text == "":
		text = s.Config().PsFormat
	case o.quiet:
		_, _ = fmt.Fprintln(s.Err, "WARNING: Ignoring custom format, because both --format and --quiet are set.")
	}
	list := engine.ListOptions{All: o.all, Limit: o.last, Size: o.size, Filters: o.filter.Values}
	if o.latest && o.last == -1 {
		list.Limit = 1
	}
	if text != "" && text != "json" && !o.quiet && !o.size && !sizeGiven {
		if list.Size, err = wantsSize(text); err != nil {
			return err
		}
	}
	containers, err := client.Containers().List(ctx, list)
	if err != nil {
		return err
	}
	rows := make([]*listing.Row, 0, len(containers))
	for _, c := range containers {
		rows = append(rows, listing.NewRow(c, !o.noTrunc))
	}
	return format.Write(s.Out, psFormat(text, o.quiet, list.Size), listing.Header(), rows)
}

func psFormat(text string, quiet, size bool) string {
	switch {
	case quiet && text == "raw":
		return "container_id: {{.ID}}"
	case quiet:
		return "{{.ID}}"
	case text == "" || text == "table":
		text = `table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}`
		if size {
			text += `\t{{.Size}}`
		}
	case text == "raw":
		return listing.RawFormat(size)
	}
	return text
}

// wantsSize reports whether a template shows sizes, which the daemon computes
// only when asked since it has to walk the file system.
func wantsSize(text string) (bool, error) {
	tmpl, err := format.Parse(format.Template(psFormat(text, false, false)))
	if err != nil {
		return false, fmt.Errorf("failed to parse template: %w", err)
	}
	row := &listing.Row{}
	if err := tmpl.Execute(io.Discard, row); err != nil {
		return false, fmt.Errorf("failed to execute template: %w", err)
	}
	return listing.SizeUsed(row), nil
}
