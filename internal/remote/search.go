package remote

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// Found is a repository that a search found.
type Found struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Stars       int    `json:"star_count"`
	Official    bool   `json:"is_official"`
}

// MaxFound is the most that a search may ask for.
const MaxFound = 100

// Search looks for repositories. A term may begin with the name of a registry: what Docker Hub's own search finds is had only
// there, of others the catalogue is read.
func (c *Client) Search(ctx context.Context, term string, limit int, who Credentials) ([]Found, error) {
	if limit == 0 {
		limit = 25
	}
	if limit < 1 || limit > MaxFound {
		return nil, fault.New(fault.Invalid, "limit %d is outside the range of [1, %d]", limit, MaxFound)
	}
	if strings.Contains(term, "://") {
		return nil, fault.New(fault.Invalid, "invalid repository name: repository name (%s) should not have a scheme", term)
	}
	registry, rest := Hub, term
	if first, after, ok := strings.Cut(term, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		registry, rest = first, after
	}
	if registry == "index."+Hub {
		registry = Hub
	}
	hosts, err := c.hosts(registry)
	if err != nil {
		return nil, err
	}
	r := &Repository{client: c, registry: registry, who: who}
	for _, h := range hosts {
		r.hosts = append(r.hosts, &session{host: h, repository: r})
	}
	defer r.Close()
	if registry == Hub {
		return r.index(ctx, rest, limit)
	}
	return r.catalogue(ctx, rest, limit)
}

// index asks a registry's search of the first version, which Docker Hub still has.
func (r *Repository) index(ctx context.Context, term string, limit int) (found []Found, err error) {
	query := url.Values{"q": {strings.TrimPrefix(term, "library/")}, "n": {strconv.Itoa(limit)}}
	err = r.each(ctx, docker.HostCapabilityResolve, func(s *session) error {
		at := s.base.JoinPath("..", "v1", "search")
		if at.Host == hubHost {
			at.Host = "index." + Hub
		}
		at.RawQuery = query.Encode()
		resp, err := s.ask(ctx, question{method: http.MethodGet, at: at, header: accept("application/json")})
		if err != nil {
			return err
		}
		var results struct{ Results []Found }
		err = readJSON(resp, &results)
		found = results.Results
		return err
	})
	return found, err
}

// catalogue reads the names of a registry's repositories (its API's _catalog), and takes those with the term in them.
func (r *Repository) catalogue(ctx context.Context, term string, limit int) (found []Found, err error) {
	r.scopes = []string{"registry:catalog:*"}
	err = r.each(ctx, docker.HostCapabilityResolve, func(s *session) error {
		found = nil
		q := question{method: http.MethodGet, at: s.base.JoinPath("_catalog"), query: url.Values{"n": {"1000"}}, header: accept("application/json")}
		for seen := 0; ; {
			resp, err := s.ask(ctx, q)
			if err != nil {
				return err
			}
			var page struct{ Repositories []string }
			if err := readJSON(resp, &page); err != nil {
				return err
			}
			for _, name := range page.Repositories {
				if strings.Contains(strings.ToLower(name), strings.ToLower(term)) && len(found) < limit {
					found = append(found, Found{Name: name})
				}
			}
			seen += len(page.Repositories)
			next := nextPage(resp)
			if next == nil || next.Host != s.base.Host || len(found) == limit || len(page.Repositories) == 0 || seen > tagsLimit {
				return nil
			}
			q.at, q.query = next, nil
		}
	})
	for i := range found {
		found[i].Name = r.registry + "/" + found[i].Name
	}
	return slices.Clip(found), err
}

// readJSON reads an answer, and closes it.
func readJSON(resp *http.Response, v any) error {
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, ManifestLimit)).Decode(v); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the registry's answer cannot be read")
	}
	return nil
}
