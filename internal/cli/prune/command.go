package prune

import (
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewCommand returns the `prune` of a kind of objects. All describes its flag
// --all, which it has not when that is empty.
func (k Kind) NewCommand(s *session.Session, short, all string) *cobra.Command {
	var o Options
	var force bool
	var filter opts.Filters
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: short,
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Filters = Filters(filter.Values, s.Config().PruneFilters)
			return k.Ask(cmd.Context(), s, o, force)
		},
	}
	fs := cmd.Flags()
	if all != "" {
		fs.BoolVarP(&o.All, "all", "a", false, all)
	}
	fs.Var(&filter, "filter", `Provide filter values (e.g. "until=<timestamp>")`)
	fs.BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	return cmd
}
