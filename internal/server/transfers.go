package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/image/transfer"
	"berth/internal/login"
	"berth/internal/remote"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/progress"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Transfers is what the border needs to reach registries.
type Transfers interface {
	Pull(ctx context.Context, opts image.PullOptions, tell transfer.Tell) ([]string, error)
	Push(ctx context.Context, opts image.PushOptions, tell transfer.Tell) ([]string, error)
	Lookup(ctx context.Context, name string, who remote.Credentials) (ocispec.Descriptor, []ocispec.Platform, error)
	Search(ctx context.Context, term string, limit int, who remote.Credentials) ([]remote.Found, error)
}

// transferRoutes are the handlers of what goes to registries and comes from them.
type transferRoutes struct{ transfers Transfers }

// pull brings an image, or with no tag all of a repository.
func (r transferRoutes) pull(c *call) error {
	opts := image.PullOptions{Name: c.query.Get("fromImage"), Tag: c.query.Get("tag"), Who: credentials(c.r)}
	if c.version.Has(compat.PullPlatform) {
		opts.Platform = c.query.Get("platform")
	}
	if opts.Tag == "" && strings.Contains(opts.Name, "@") {
		opts.Name, opts.Tag, _ = strings.Cut(opts.Name, "@")
	}
	out := progress.New(c.w)
	_, err := r.transfers.Pull(c.r.Context(), opts, tells(out))
	return out.Finish(err)
}

// push sends an image, or with no tag all of a repository.
func (r transferRoutes) push(c *call) error {
	opts := image.PushOptions{Name: c.name, Tag: c.query.Get("tag"), Who: credentials(c.r)}
	var err error
	if opts.Platform, err = c.onePlatform("platform", compat.PushPlatform); err != nil {
		return err
	}
	out := progress.New(c.w)
	_, err = r.transfers.Push(c.r.Context(), opts, tells(out))
	return out.Finish(err)
}

// search looks for repositories.
func (r transferRoutes) search(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "is-automated", "is-official", "stars")
	if err != nil {
		return err
	}
	limit := 0
	if text := c.query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil {
			return fault.New(fault.Invalid, "invalid limit specified: %v", err)
		}
	}
	keeps, err := searchFilter(f)
	if err != nil {
		return err
	}
	found, err := r.transfers.Search(c.r.Context(), c.query.Get("term"), limit, credentials(c.r))
	if err != nil {
		return err
	}
	out := []registry.SearchResult{}
	for _, hit := range found {
		if keeps(hit) {
			out = append(out, registry.SearchResult{Name: hit.Name, Description: hit.Description, StarCount: hit.Stars, IsOfficial: hit.Official})
		}
	}
	return c.json(out, nil)
}

// searchFilter translates the filters of a search.
func searchFilter(f filter.Set) (func(remote.Found) bool, error) {
	automated, asksAutomated, err := f.Bool("is-automated")
	if err != nil {
		return nil, err
	}
	official, asksOfficial, err := f.Bool("is-official")
	if err != nil {
		return nil, err
	}
	stars := 0
	for _, text := range f["stars"] {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "invalid filter 'stars=%s'", text)
		}
		stars = max(stars, n)
	}
	return func(hit remote.Found) bool {
		return (!asksAutomated || !automated) && (!asksOfficial || hit.Official == official) && hit.Stars >= stars // nothing is automated any more
	}, nil
}

// lookup tells what a name stands for at its registry.
func (r transferRoutes) lookup(c *call) error {
	target, platforms, err := r.transfers.Lookup(c.r.Context(), c.name, credentials(c.r))
	return c.json(registry.DistributionInspect{Descriptor: target, Platforms: platforms}, err)
}

// credentials are those of the request's X-Registry-Auth. A header that cannot be read is as good as none, as with Docker (behaviour 13).
func credentials(r *http.Request) remote.Credentials {
	var auth registry.AuthConfig
	text := strings.TrimRight(r.Header.Get("X-Registry-Auth"), "=")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		b, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil || json.Unmarshal(b, &auth) != nil {
		return remote.Credentials{}
	}
	who := remote.Credentials{RegistryToken: auth.RegistryToken, Credentials: login.Credentials{
		Username: auth.Username, Password: auth.Password, IdentityToken: auth.IdentityToken, ServerAddress: auth.ServerAddress,
	}}
	if who.Username == "" && auth.Auth != "" {
		if b, err := base64.StdEncoding.DecodeString(auth.Auth); err == nil {
			who.Username, who.Password, _ = strings.Cut(string(b), ":")
		}
	}
	return who
}

// tells streams what a transfer tells.
func tells(out *progress.Stream) transfer.Tell {
	return func(t transfer.Message) {
		var line jsonstream.Message
		if t.Aux != nil {
			line = progress.Aux(t.Aux)
		}
		line.ID, line.Status = t.ID, t.Status
		if t.Layer {
			line.Progress = &jsonstream.Progress{Current: t.Current, Total: t.Total}
		}
		out.Send(line)
	}
}
