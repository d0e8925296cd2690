package engine

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// Readings are the calls that tell how a container does.
type Readings struct{ c *Client }

func (x Readings) path(id, verb string) string {
	return "/containers/" + url.PathEscape(id) + "/" + verb
}

// Top lists a container's processes; args are those of ps.
func (x Readings) Top(ctx context.Context, id string, args []string) (container.TopResponse, error) {
	q := url.Values{}
	if len(args) > 0 {
		q.Set("ps_args", strings.Join(args, " "))
	}
	var out container.TopResponse
	err := x.c.json(ctx, request{method: http.MethodGet, path: x.path(id, "top"), query: q}, &out)
	return out, err
}

// Samples are what a container uses, one sample after the other.
type Samples struct {
	body io.ReadCloser
	dec  *json.Decoder
}

// Next waits for the next sample; io.EOF is the end.
func (s *Samples) Next() (container.StatsResponse, error) {
	var out container.StatsResponse
	err := s.dec.Decode(&out)
	return out, err
}

// Close ends the samples.
func (s *Samples) Close() { _ = s.body.Close() }

// Stats returns samples as they are taken, or one that has the one before it
// with it.
func (x Readings) Stats(ctx context.Context, id string, stream bool) (*Samples, error) {
	q := url.Values{"stream": {"0"}}
	boolQuery(q, "stream", stream)
	resp, err := x.c.do(ctx, request{method: http.MethodGet, path: x.path(id, "stats"), query: q})
	if err != nil {
		return nil, err
	}
	return &Samples{body: resp.Body, dec: json.NewDecoder(resp.Body)}, nil
}

// Explain returns sentences on why a container ended or does not start. Only
// berth's daemon has them.
func (x Readings) Explain(ctx context.Context, id string) ([]string, error) {
	var out struct{ Sentences []string }
	err := x.c.json(ctx, request{method: http.MethodGet, path: x.path(id, "explain")}, &out)
	return out.Sentences, err
}
