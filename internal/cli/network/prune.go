package network

import (
	"berth/internal/cli/opts"
	"berth/internal/cli/prune"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newPrune returns `network prune`.
func newPrune(s *session.Session) *cobra.Command {
	var force bool
	var filter opts.Filters
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove all unused networks",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return prune.Networks.Ask(cmd.Context(), s, prune.Options{Filters: prune.Filters(filter.Values, s.Config().PruneFilters)}, force)
		},
	}
	fs := cmd.Flags()
	fs.Var(&filter, "filter", `Provide filter values (e.g. "until=<timestamp>")`)
	fs.BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	session.Since(fs, "filter", "1.25")
	return cmd
}
