package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/internal/cli/format"
	"berth/internal/cli/opts"
	"berth/internal/cli/prune"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

type pruneOptions struct {
	force, all, volumes bool
	filter              opts.Filters
}

// NewPrune returns `system prune`.
func NewPrune(s *session.Session) *cobra.Command {
	o := &pruneOptions{}
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove unused data",
		Args:  session.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runPrune(cmd.Context(), s, o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all", "a", false, "Remove all unused images not just dangling ones")
	fs.Var(&o.filter, "filter", `Provide filter values (e.g. "label=<key>=<value>")`)
	fs.BoolVarP(&o.force, "force", "f", false, "Do not prompt for confirmation")
	fs.BoolVar(&o.volumes, "volumes", false, "Prune anonymous volumes")
	return cmd
}

func runPrune(ctx context.Context, s *session.Session, o *pruneOptions) error {
	kinds := []prune.Kind{prune.Containers, prune.Networks, prune.Volumes, prune.Images, prune.BuildCache}
	if !o.volumes {
		kinds = slices.DeleteFunc(kinds, func(k prune.Kind) bool { return k == prune.Volumes })
	} else if _, ok := o.filter.Values["until"]; ok {
		return errors.New(`ERROR: The "until" filter is not supported with "--volumes"`) //nolint:staticcheck // Docker's text
	}
	filters := prune.Filters(o.filter.Values, s.Config().PruneFilters)
	if !o.force {
		yes, err := s.Confirm(ctx, pruneQuestion(kinds, o.all, filters))
		if err != nil {
			return err
		}
		if !yes {
			return session.Cancelled{What: "system prune has been cancelled"}
		}
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	var reclaimed uint64
	for _, k := range kinds {
		space, text, err := k.Run(ctx, client, prune.Options{All: o.all, Filters: filters})
		if err != nil {
			if prune.Absent(err) {
				_, _ = fmt.Fprintln(s.Err, err)
				continue
			}
			return err
		}
		reclaimed += space
		if text != "" {
			_, _ = fmt.Fprintln(s.Out, text)
		}
	}
	_, err = fmt.Fprintln(s.Out, "Total reclaimed space:", prune.Size(reclaimed))
	return err
}

// pruneQuestion says what would go and what of it is left out.
func pruneQuestion(kinds []prune.Kind, all bool, filters map[string][]string) string {
	var b strings.Builder
	b.WriteString("WARNING! This will remove:\n")
	for _, k := range kinds {
		b.WriteString("  - " + k.Warning(all) + "\n")
	}
	var lines []string
	for _, name := range []string{"label", "label!", "until"} {
		for _, v := range filters[name] {
			lines = append(lines, name+"="+v)
		}
	}
	b.WriteString("\n")
	if len(filters) > 0 {
		slices.SortFunc(lines, format.NaturalCompare)
		b.WriteString("  Items to be pruned will be filtered with:\n")
		for _, line := range lines {
			b.WriteString("  - " + line + "\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("Are you sure you want to continue?")
	return b.String()
}
