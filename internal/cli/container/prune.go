package container

import (
	"berth/internal/cli/opts"
	"berth/internal/cli/prune"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewPrune returns `container prune`.
func NewPrune(s *session.Session) *cobra.Command {
	var force bool
	var filter opts.Filters
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove all stopped containers",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := prune.Options{Filters: prune.Filters(filter.Values, s.Config().PruneFilters)}
			return prune.Containers.Ask(cmd.Context(), s, o, force)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	fs.Var(&filter, "filter", `Provide filter values (e.g. "until=<timestamp>")`)
	return cmd
}
