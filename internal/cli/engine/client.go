// Package engine is a small client of the Engine API over net/http.
//
// It exists beside github.com/moby/moby/client because a command line pays for
// what it links at every start: with that client, its tracing and templates the
// program weighs 1.3 MB more and leaves no room under the 10 MiB that we allow.
// The types on the wire are those of moby/moby/api.
//
// A request goes out with our newest API version and no ping before it. A
// daemon that is older says so (400 with an Api-Version header); the client
// then repeats the request in the daemon's version and stays with it.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
)

// MaxAPIVersion is the newest Engine API version that this client speaks.
const MaxAPIVersion = "1.55"

// Client sends requests to one daemon. It is safe for concurrent use.
type Client struct {
	endpoint Endpoint
	http     *http.Client
	scheme   string
	pinned   bool // the user fixed the version; never negotiate
	header   map[string]string
	version  atomic.Value // string, the version in use
	known    atomic.Bool  // the daemon has answered once
}

// Options say how to reach the daemon.
type Options struct {
	Host       string // unix:///path, tcp://host:port; see ParseHost
	TLS        TLS
	APIVersion string // pins a version when not empty (DOCKER_API_VERSION)
	// Header goes with every request.
	Header map[string]string
}

// New returns a client for a host. It does not connect.
func New(o Options) (*Client, error) {
	endpoint, err := ParseHost(o.Host, o.TLS.wanted())
	if err != nil {
		return nil, err
	}
	c := &Client{endpoint: endpoint, scheme: "http", pinned: o.APIVersion != "", header: o.Header}
	c.version.Store(MaxAPIVersion)
	if c.pinned {
		c.version.Store(o.APIVersion)
	}
	if endpoint.Network == "tcp" && o.TLS.wanted() {
		conf, err := o.TLS.config(endpoint.Address)
		if err != nil {
			return nil, err
		}
		c.endpoint.tls = conf
		c.scheme = "https"
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return c.endpoint.dial(ctx) }
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: dial, DialTLSContext: dial, DisableCompression: true,
			MaxIdleConnsPerHost: 4,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Host returns the address as a URL, for messages.
func (c *Client) Host() string { return c.endpoint.String() }

// Version returns the API version in use: ours, until a daemon said that it is older.
func (c *Client) Version() string { return c.version.Load().(string) }

// Dial opens a connection to the daemon, for another client to use.
func (c *Client) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := c.endpoint.dial(ctx)
	if err != nil {
		return nil, c.transportError(err)
	}
	return conn, nil
}

// Negotiate returns the API version in use after the daemon has had its say.
func (c *Client) Negotiate(ctx context.Context) (string, error) {
	if !c.known.Load() && !c.pinned {
		if err := c.ping(ctx); err != nil {
			return "", err
		}
	}
	return c.Version(), nil
}

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Containers returns the calls under /containers.
func (c *Client) Containers() Containers { return Containers{c} }

// Files returns the calls about a container's file system.
func (c *Client) Files() Files { return Files{c} }

// Readings returns the calls that tell how a container does.
func (c *Client) Readings() Readings { return Readings{c} }

// Execs returns the calls under /exec.
func (c *Client) Execs() Execs { return Execs{c} }

// Images returns the calls under /images.
func (c *Client) Images() Images { return Images{c} }

// System returns the calls about the daemon itself.
func (c *Client) System() System { return System{c} }

// request is one call. Exactly one of in and body may be set.
type request struct {
	method string
	path   string // below the version prefix, with a leading slash
	query  url.Values
	in     any       // sent as JSON
	body   io.Reader // sent as it is; cannot be repeated
	header http.Header
}

// do sends r and returns the answer when its status is below 400. The caller
// closes the body.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	if r.body != nil {
		// A stream cannot be sent twice, so learn the version first.
		if _, err := c.Negotiate(ctx); err != nil {
			return nil, err
		}
	}
	var payload []byte
	if r.in != nil {
		var err error
		if payload, err = json.Marshal(r.in); err != nil {
			return nil, err
		}
	}
	for {
		version := c.Version()
		resp, err := c.send(ctx, r, payload, version)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode < 400 {
			c.learn(resp)
			return resp, nil
		}
		if resp.StatusCode == http.StatusBadRequest {
			c.learn(resp)
		}
		// Another request may have learned the version while this one was on its way.
		if resp.StatusCode == http.StatusBadRequest && r.body == nil && c.Version() != version {
			drain(resp)
			continue
		}
		return nil, responseError(resp)
	}
}

func (c *Client) send(ctx context.Context, r request, payload []byte, version string) (*http.Response, error) {
	body := r.body
	if payload != nil {
		body = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url(version, r), body)
	if err != nil {
		return nil, err
	}
	c.introduce(req)
	for k, v := range r.header {
		req.Header[k] = v
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, c.transportError(err)
	}
	return resp, nil
}

// introduce adds what goes with every request.
func (c *Client) introduce(req *http.Request) {
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	req.Header.Set("User-Agent", "berth")
}

// url builds the address. The host is a placeholder on a unix socket.
func (c *Client) url(version string, r request) string {
	host := "api.berth.localhost"
	if c.endpoint.Network == "tcp" {
		host = c.endpoint.Address
	}
	u := c.scheme + "://" + host
	if version != "" {
		u += c.endpoint.base + "/v" + version
	}
	u += r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	return u
}

// ping asks an unversioned question, to learn the daemon's version.
func (c *Client) ping(ctx context.Context) error {
	resp, err := c.send(ctx, request{method: http.MethodHead, path: "/_ping"}, nil, "")
	if err != nil {
		return err
	}
	drain(resp)
	c.learn(resp)
	return nil
}

// learn lowers our version to the daemon's; it reports whether it did.
func (c *Client) learn(resp *http.Response) bool {
	c.known.Store(true)
	theirs := resp.Header.Get("Api-Version")
	if c.pinned || theirs == "" || !Older(theirs, c.Version()) {
		return false
	}
	c.version.Store(theirs)
	return true
}

// json sends r and decodes the answer into out, which may be nil.
func (c *Client) json(ctx context.Context, r request, out any) error {
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer drain(resp)
	if out == nil || resp.StatusCode == http.StatusNotModified {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// raw sends r and returns the answer's bytes.
func (c *Client) raw(ctx context.Context, r request) ([]byte, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer drain(resp)
	return io.ReadAll(resp.Body)
}

// drain reads a little and closes, so that the connection can be used again.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	_ = resp.Body.Close()
}
