package volume

import (
	"slices"

	"berth/internal/cli/format"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"
	"berth/internal/cli/usage"

	"github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"
)

type lsOptions struct {
	quiet  bool
	format string
	filter opts.Filters
}

// newLs returns `volume ls`.
func newLs(s *session.Session) *cobra.Command {
	o := &lsOptions{}
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List volumes",
		Args:    session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			list, err := client.Volumes().List(cmd.Context(), o.filter.Values)
			if err != nil {
				return err
			}
			slices.SortFunc(list.Volumes, func(a, b volume.Volume) int { return format.NaturalCompare(a.Name, b.Name) })
			text := o.format
			if text == "" && !o.quiet {
				text = s.Config().VolumesFormat
			}
			return usage.WriteVolumes(s.Out, template(text, o.quiet), list.Volumes)
		},
	}
	fs := cmd.Flags()
	fs.VarP(&o.filter, "filter", "f", `Provide filter values (e.g. "dangling=true")`)
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only display volume names")
	return cmd
}

// template is what a format's short names stand for.
func template(text string, quiet bool) string {
	switch {
	case quiet && text == "raw":
		return "name: {{.Name}}"
	case quiet && (text == "" || text == "table"):
		return "{{.Name}}"
	case text == "" || text == "table":
		return `table {{.Driver}}\t{{.Name}}`
	case text == "raw":
		return "name: {{.Name}}\ndriver: {{.Driver}}\n"
	}
	return text
}
