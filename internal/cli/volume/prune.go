package volume

import (
	"errors"

	"berth/internal/cli/opts"
	"berth/internal/cli/prune"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newPrune returns `volume prune`.
func newPrune(s *session.Session) *cobra.Command {
	var all, force bool
	var filter opts.Filters
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove unused local volumes",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := prune.Options{All: all, Filters: prune.Filters(filter.Values, s.Config().PruneFilters)}
			if all {
				if _, both := o.Filters["all"]; both {
					return errors.New("conflicting options: cannot specify both --all and --filter all=1")
				}
				o.Filters["all"] = []string{"true"}
			}
			return prune.Volumes.Ask(cmd.Context(), s, o, force)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&all, "all", "a", false, "Remove all unused volumes, not just anonymous ones")
	session.Since(fs, "all", "1.42")
	fs.Var(&filter, "filter", `Provide filter values (e.g. "label=<label>")`)
	fs.BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	return cmd
}
