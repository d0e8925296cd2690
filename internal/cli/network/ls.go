package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

type lsOptions struct {
	quiet, noTrunc bool
	format         string
	filter         opts.Filters
}

// newLs returns `network ls`.
func newLs(s *session.Session) *cobra.Command {
	o := &lsOptions{}
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List networks",
		Args:    session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			list, err := engine.NetworksOf(client).List(cmd.Context(), o.filter.Values)
			if err != nil {
				return err
			}
			slices.SortFunc(list, func(a, b network.Summary) int { return format.NaturalCompare(a.Name, b.Name) })
			text := o.format
			if text == "" && !o.quiet {
				text = s.Config().NetworksFormat
			}
			rows := make([]*row, 0, len(list))
			for _, n := range list {
				rows = append(rows, &row{n, !o.noTrunc})
			}
			return format.Write(s.Out, template(text, o.quiet), header(), rows)
		},
	}
	fs := cmd.Flags()
	fs.VarP(&o.filter, "filter", "f", `Provide filter values (e.g. "driver=bridge")`)
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Do not truncate the output")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only display network IDs")
	return cmd
}

// template is what a format's short names stand for.
func template(text string, quiet bool) string {
	switch {
	case quiet && text == "raw":
		return "network_id: {{.ID}}"
	case quiet && (text == "" || text == "table"):
		return "{{.ID}}"
	case text == "" || text == "table":
		return `table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}`
	case text == "raw":
		return "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"
	}
	return text
}

func header() format.Header {
	return format.Header{
		"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "IPv4": "IPV4", "IPv6": "IPV6",
		"Internal": "INTERNAL", "Labels": "LABELS", "CreatedAt": "CREATED AT",
	}
}

// row is a network's line; its exported methods are the placeholders of --format.
type row struct {
	n     network.Summary
	short bool
}

// MarshalJSON shows all placeholders.
func (r *row) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *row) ID() string {
	if r.short {
		return r.n.ID[:min(12, len(r.n.ID))]
	}
	return r.n.ID
}

func (r *row) Name() string      { return r.n.Name }
func (r *row) Driver() string    { return r.n.Driver }
func (r *row) Scope() string     { return r.n.Scope }
func (r *row) IPv4() string      { return fmt.Sprint(r.n.EnableIPv4) }
func (r *row) IPv6() string      { return fmt.Sprint(r.n.EnableIPv6) }
func (r *row) Internal() string  { return fmt.Sprint(r.n.Internal) }
func (r *row) CreatedAt() string { return r.n.Created.String() }

func (r *row) Labels() string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(r.n.Labels)) {
		pairs = append(pairs, k+"="+r.n.Labels[k])
	}
	return strings.Join(pairs, ",")
}

// Label returns one label's value.
func (r *row) Label(name string) string { return r.n.Labels[name] }
