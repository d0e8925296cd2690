package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/events"
)

// EventOptions choose events. Since and Until are Unix seconds with an
// optional fraction, or empty.
type EventOptions struct {
	Since, Until string
	Filters      map[string][]string
}

// Events is a running answer of events.
type Events struct {
	body io.ReadCloser
	dec  *json.Decoder
}

// Event is an event with the fields that daemons before API 1.52 send beside
// the others, and that Docker's client shows.
type Event struct {
	Status string `json:"status,omitempty"`
	ID     string `json:"id,omitempty"`
	From   string `json:"from,omitempty"`
	events.Message
}

// Next waits for the next event; io.EOF is the end.
func (e *Events) Next() (Event, error) {
	var out Event
	err := e.dec.Decode(&out)
	return out, err
}

// Close ends the events.
func (e *Events) Close() { _ = e.body.Close() }

// Events subscribes to what happens. When it returns, the daemon has begun.
func (x System) Events(ctx context.Context, o EventOptions) (*Events, error) {
	q := url.Values{}
	for name, v := range map[string]string{"since": o.Since, "until": o.Until} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if err := filterQuery(q, o.Filters); err != nil {
		return nil, err
	}
	resp, err := x.c.do(ctx, request{
		method: http.MethodGet, path: "/events", query: q,
		header: http.Header{"Accept": {"application/jsonl", "application/x-ndjson;q=0.9", "application/json-seq;q=0.5"}},
	})
	if err != nil {
		return nil, err
	}
	return &Events{body: resp.Body, dec: json.NewDecoder(&plainRecords{in: bufio.NewReader(resp.Body)})}, nil
}

// plainRecords leaves out the separators of a JSON text sequence (RFC 7464),
// which is one of the forms that daemons answer in.
type plainRecords struct{ in *bufio.Reader }

// Read reads without record separators.
func (p *plainRecords) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	kept := 0
	for _, c := range b[:n] {
		if c != 0x1e {
			b[kept] = c
			kept++
		}
	}
	return kept, err
}
