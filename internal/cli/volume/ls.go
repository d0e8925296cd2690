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
	swarm  bool
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
			if o.swarm {
				list.Volumes = slices.DeleteFunc(list.Volumes, func(v volume.Volume) bool { return v.ClusterVolume == nil })
			}
			slices.SortFunc(list.Volumes, func(a, b volume.Volume) int { return format.NaturalCompare(a.Name, b.Name) })
			text := o.format
			if text == "" && !o.quiet {
				text = s.Config().VolumesFormat
			}
			return usage.WriteVolumes(s.Out, o.template(text), list.Volumes)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.swarm, "cluster", false, "Display only cluster volumes, and use cluster volume list formatting")
	session.Since(fs, "cluster", "1.42")
	fs.VarP(&o.filter, "filter", "f", `Provide filter values (e.g. "dangling=true")`)
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only display volume names")
	return cmd
}

// template is what a format's short names stand for.
func (o *lsOptions) template(text string) string {
	quiet := o.quiet
	switch {
	case o.swarm && !quiet && o.format == "":
		return `table {{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}`
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
