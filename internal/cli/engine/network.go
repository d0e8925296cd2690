package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/network"
)

// Networks are the calls under /networks.
type Networks struct{ c *Client }

// NetworksOf returns a client's calls under /networks.
func NetworksOf(c *Client) Networks { return Networks{c} }

// List returns the networks that match.
func (x Networks) List(ctx context.Context, filters map[string][]string) ([]network.Summary, error) {
	q := url.Values{}
	if err := filterQuery(q, filters); err != nil {
		return nil, err
	}
	var out []network.Summary
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/networks", query: q}, &out)
	return out, err
}

// Inspect returns a network as the daemon shows it.
func (x Networks) Inspect(ctx context.Context, ref string, verbose bool) (json.RawMessage, error) {
	q := url.Values{}
	boolQuery(q, "verbose", verbose)
	var out json.RawMessage
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/networks/" + url.PathEscape(ref), query: q}, &out)
	return out, err
}

// Create makes a network.
func (x Networks) Create(ctx context.Context, o network.CreateRequest) (network.CreateResponse, error) {
	var out network.CreateResponse
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/networks/create", in: o}, &out)
	return out, err
}

// Remove removes a network.
func (x Networks) Remove(ctx context.Context, ref string) error {
	return x.c.json(ctx, request{method: http.MethodDelete, path: "/networks/" + url.PathEscape(ref)}, nil)
}

// Connect puts a container on a network.
func (x Networks) Connect(ctx context.Context, ref string, o network.ConnectRequest) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: "/networks/" + url.PathEscape(ref) + "/connect", in: o}, nil)
}

// Disconnect takes a container off a network.
func (x Networks) Disconnect(ctx context.Context, ref string, o network.DisconnectRequest) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: "/networks/" + url.PathEscape(ref) + "/disconnect", in: o}, nil)
}
