package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"berth/internal/cli/credentials"
	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/registry"
	"github.com/spf13/cobra"
)

type searchOptions struct {
	format  string
	noTrunc bool
	limit   int
	filter  opts.Filters
}

// NewSearch returns `search`.
func NewSearch(s *session.Session) *cobra.Command {
	o := &searchOptions{}
	cmd := &cobra.Command{
		Use:   "search [OPTIONS] TERM",
		Short: "Search Docker Hub for images",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSearch(cmd.Context(), s, o, args[0])
		},
		Annotations: map[string]string{"category-top": "10"},
	}
	fs := cmd.Flags()
	fs.VarP(&o.filter, "filter", "f", "Filter output based on conditions provided")
	fs.StringVar(&o.format, "format", "", "Pretty-print search using a Go template")
	fs.IntVar(&o.limit, "limit", 0, "Max number of search results")
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate output")
	return cmd
}

func runSearch(ctx context.Context, s *session.Session, o *searchOptions, term string) error {
	if _, ok := o.filter.Values["is-automated"]; ok {
		_, _ = fmt.Fprintln(s.Err, `WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.`)
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	auth := s.Credentials().Header(searched(term))
	results, err := client.System().Search(ctx, engine.SearchOptions{Term: term, Auth: auth, Limit: o.limit, Filters: o.filter.Values})
	if err != nil {
		return err
	}
	rows := make([]*found, len(results))
	for i, r := range results {
		rows[i] = &found{r: r, trunc: !o.noTrunc}
	}
	text := o.format
	if text == "" || text == "table" {
		text = `table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}`
	}
	return format.Write(s.Out, text, format.Header{
		"Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL",
	}, rows)
}

// searched is the registry that a term names, else Docker Hub.
func searched(term string) string {
	host, _, ok := strings.Cut(term, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return credentials.HubHost
	}
	return host
}

// found is one repository; its exported methods are the placeholders of --format.
type found struct {
	r           registry.SearchResult
	trunc, json bool
}

// shownDescription is how many characters of a description are shown.
const shownDescription = 45

// MarshalJSON shows all placeholders, and whether rather than marks.
func (r *found) MarshalJSON() ([]byte, error) {
	r.json = true
	return format.JSON(r)
}

func (r *found) Name() string { return r.r.Name }

func (r *found) Description() string {
	text := strings.NewReplacer("\n", " ", "\r", " ").Replace(r.r.Description)
	if r.trunc {
		return format.Ellipsis(text, shownDescription)
	}
	return text
}

func (r *found) StarCount() string  { return strconv.Itoa(r.r.StarCount) }
func (r *found) IsOfficial() string { return r.mark(r.r.IsOfficial) }

func (r *found) mark(v bool) string {
	switch {
	case r.json:
		return strconv.FormatBool(v)
	case v:
		return "[OK]"
	}
	return ""
}
