package engine

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"berth/internal/fault"
	"berth/internal/idmap"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Containers are the calls under /containers. An id is a name, an ID or a
// unique prefix of an ID.
type Containers struct{ c *Client }

func boolQuery(q url.Values, name string, v bool) {
	if v {
		q.Set(name, "1")
	}
}

func filterQuery(q url.Values, filters map[string][]string) error {
	if len(filters) == 0 {
		return nil
	}
	// The map form is the older one that every daemon reads.
	m := make(map[string]map[string]bool, len(filters))
	for k, vs := range filters {
		m[k] = make(map[string]bool, len(vs))
		for _, v := range vs {
			m[k][v] = true
		}
	}
	b, err := json.Marshal(m)
	q.Set("filters", string(b))
	return err
}

// Healthcheck is a health check with what berth's daemon knows beside Docker's:
// what is done when it fails.
type Healthcheck struct {
	container.HealthConfig
	OnFailure string `json:",omitempty"`
}

// HostConfig is Docker's with what mounts have beyond it.
type HostConfig struct {
	*container.HostConfig
	Mounts []idmap.Mount `json:",omitempty"`
}

// CreateRequest is a new container; its Healthcheck stands for that of Config.
type CreateRequest struct {
	*container.Config
	Healthcheck      *Healthcheck              `json:",omitempty"`
	HostConfig       *HostConfig               `json:",omitempty"`
	NetworkingConfig *network.NetworkingConfig `json:",omitempty"`
}

// Create makes a container. Name and platform may be empty.
func (x Containers) Create(ctx context.Context, name, platform string, req CreateRequest) (container.CreateResponse, error) {
	q := url.Values{}
	if name != "" {
		q.Set("name", name)
	}
	if platform != "" {
		q.Set("platform", platform)
	}
	var out container.CreateResponse
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/containers/create", query: q, in: req}, &out)
	return out, err
}

// Start starts a container; one that runs already is no error.
func (x Containers) Start(ctx context.Context, id string) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "start")}, nil)
}

// AttachOptions choose the streams of an attach.
type AttachOptions struct {
	Stdin, Stdout, Stderr bool
	DetachKeys            string
}

// Attach takes over the container's streams.
func (x Containers) Attach(ctx context.Context, id string, o AttachOptions) (*Stream, error) {
	q := url.Values{"stream": {"1"}}
	boolQuery(q, "stdin", o.Stdin)
	boolQuery(q, "stdout", o.Stdout)
	boolQuery(q, "stderr", o.Stderr)
	if o.DetachKeys != "" {
		q.Set("detachKeys", o.DetachKeys)
	}
	return x.c.hijack(ctx, request{method: http.MethodPost, path: x.path(id, "attach"), query: q})
}

// Waiter is a wait that the daemon has registered.
type Waiter struct{ resp *http.Response }

// Wait registers for an end of the container. When it returns the daemon
// watches; the result is read from the Waiter.
func (x Containers) Wait(ctx context.Context, id string, cond container.WaitCondition) (*Waiter, error) {
	q := url.Values{}
	if cond != "" {
		q.Set("condition", string(cond))
	}
	resp, err := x.c.do(ctx, request{method: http.MethodPost, path: x.path(id, "wait"), query: q})
	if err != nil {
		return nil, err
	}
	return &Waiter{resp: resp}, nil
}

// Result blocks until the container ended.
func (w *Waiter) Result() (container.WaitResponse, error) {
	defer func() { _ = w.resp.Body.Close() }()
	var out container.WaitResponse
	err := json.NewDecoder(w.resp.Body).Decode(&out)
	return out, err
}

// Close gives a wait up.
func (w *Waiter) Close() { _ = w.resp.Body.Close() }

// Kill sends a signal, SIGKILL when empty.
func (x Containers) Kill(ctx context.Context, id, signal string) error {
	q := url.Values{}
	if signal != "" {
		q.Set("signal", signal)
	}
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "kill"), query: q}, nil)
}

// Stop asks a container to end; timeout (seconds) may be nil for the container's own.
func (x Containers) Stop(ctx context.Context, id, signal string, timeout *int) error {
	return x.end(ctx, id, "stop", signal, timeout)
}

// Restart stops a container as Stop does, and starts it again.
func (x Containers) Restart(ctx context.Context, id, signal string, timeout *int) error {
	return x.end(ctx, id, "restart", signal, timeout)
}

func (x Containers) end(ctx context.Context, id, verb, signal string, timeout *int) error {
	q := url.Values{}
	if signal != "" {
		q.Set("signal", signal)
	}
	if timeout != nil {
		q.Set("t", strconv.Itoa(*timeout))
	}
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, verb), query: q}, nil)
}

// RemoveOptions say what goes with a container, or instead of it.
type RemoveOptions struct {
	Force   bool // also one that runs
	Volumes bool // its anonymous ones
	Link    bool // the name is a link's, and only that goes
}

// Remove removes a container.
func (x Containers) Remove(ctx context.Context, id string, o RemoveOptions) error {
	q := url.Values{}
	boolQuery(q, "force", o.Force)
	boolQuery(q, "v", o.Volumes)
	boolQuery(q, "link", o.Link)
	return x.c.json(ctx, request{method: http.MethodDelete, path: "/containers/" + url.PathEscape(id), query: q}, nil)
}

// InspectRaw returns the container as JSON.
func (x Containers) InspectRaw(ctx context.Context, id string, size bool) ([]byte, error) {
	q := url.Values{}
	boolQuery(q, "size", size)
	return x.c.raw(ctx, request{method: http.MethodGet, path: x.path(id, "json"), query: q})
}

// Inspect returns the container.
func (x Containers) Inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	var out container.InspectResponse
	err := x.c.json(ctx, request{method: http.MethodGet, path: x.path(id, "json")}, &out)
	return out, err
}

// ListOptions choose containers. Limit counts when above zero.
type ListOptions struct {
	All, Size bool
	Limit     int
	Filters   map[string][]string
}

// List returns containers, newest first.
func (x Containers) List(ctx context.Context, o ListOptions) ([]container.Summary, error) {
	q := url.Values{}
	boolQuery(q, "all", o.All)
	boolQuery(q, "size", o.Size)
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if err := filterQuery(q, o.Filters); err != nil {
		return nil, err
	}
	b, err := x.c.raw(ctx, request{method: http.MethodGet, path: "/containers/json", query: q})
	if err != nil {
		return nil, err
	}
	var out []container.Summary
	return out, json.Unmarshal(b, &out) // a Decoder would look at each byte once more
}

// LogOptions choose log lines. Since and Until are Unix seconds with an
// optional fraction; Tail is a number or "all".
type LogOptions struct {
	Follow, Timestamps, Details bool
	Since, Until, Tail          string
	Grep                        string // only lines that this regular expression matches
}

// Logs is a running log answer.
type Logs struct {
	io.ReadCloser
	Media string // content type of the answer; unspecific before API 1.42
}

// Logs returns the container's output so far, or as it comes.
func (x Containers) Logs(ctx context.Context, id string, o LogOptions) (Logs, error) {
	q := url.Values{"stdout": {"1"}, "stderr": {"1"}}
	boolQuery(q, "follow", o.Follow)
	boolQuery(q, "timestamps", o.Timestamps)
	boolQuery(q, "details", o.Details)
	for name, v := range map[string]string{"since": o.Since, "until": o.Until, "tail": o.Tail, "grep": o.Grep} {
		if v != "" {
			q.Set(name, v)
		}
	}
	resp, err := x.c.do(ctx, request{method: http.MethodGet, path: x.path(id, "logs"), query: q})
	if err != nil {
		return Logs{}, err
	}
	// Docker's daemon leaves out what it does not know, and would send every line.
	if server := resp.Header.Get("Server"); o.Grep != "" && !strings.HasPrefix(server, "berth/") {
		_ = resp.Body.Close()
		return Logs{}, fault.New(fault.Unsupported, "--grep needs berth's own daemon: this one (%s) does not search logs", server)
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return Logs{ReadCloser: resp.Body, Media: media}, nil
}

// Resize sets the size of the container's terminal, in cells.
func (x Containers) Resize(ctx context.Context, id string, height, width uint) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "resize"), query: sizeQuery(height, width)}, nil)
}

func sizeQuery(height, width uint) url.Values {
	return url.Values{"h": {strconv.FormatUint(uint64(height), 10)}, "w": {strconv.FormatUint(uint64(width), 10)}}
}

func (x Containers) path(id, verb string) string {
	return "/containers/" + url.PathEscape(id) + "/" + verb
}
