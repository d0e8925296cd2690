// Package remote talks to registries: it finds the hosts that answer for a name, proves who asks,
// tries again where that helps, and moves manifests and blobs (OCI distribution-spec 1.1). It keeps
// nothing on disk and knows nothing of images.
//
// A Client belongs to the daemon, a Repository to one pull or push of one user: tokens live and die
// with it.
package remote

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"time"

	"berth/internal/login"

	"github.com/distribution/reference"
)

// Credentials are what a user says of himself to a registry.
type Credentials struct {
	login.Credentials
	RegistryToken string // a bearer token that is used as it is
}

// Config says how registries are reached.
type Config struct {
	Agent    string      // who asks
	Insecure Insecure    // which hosts need not prove who they are
	Mirrors  Mirrors     // by the name of a registry
	CertDirs []string    // directories with one of <host>'s each, the first that has one counts
	Proxy    ProxyConfig // none set means the environment's
	Retry    Retry
}

// Mirrors are the base URLs that are asked before a registry itself, by its name: "docker.io".
type Mirrors map[string][]string

// ProxyConfig is what hosts are reached through; it is daemon.json's "proxies".
type ProxyConfig struct{ HTTP, HTTPS, No string }

// Client talks to registries. Its methods may be called from any goroutine.
type Client struct {
	cfg    Config
	proxy  func(*url.URL) (*url.URL, error)
	tokens *login.Client
}

// New returns a client.
func New(cfg Config) *Client {
	if cfg.Retry.Attempts <= 0 {
		cfg.Retry.Attempts = DefaultAttempts
	}
	if cfg.Retry.Pause <= 0 {
		cfg.Retry.Pause = 500 * time.Millisecond
	}
	if cfg.Retry.Stall <= 0 {
		cfg.Retry.Stall = time.Minute
	}
	return &Client{cfg: cfg, proxy: cfg.Proxy.function(), tokens: login.New(cfg.Agent)}
}

// Access is what is wanted of a repository.
type Access string

// The rights that are asked for.
const (
	Pull Access = "pull"
	Push Access = "pull,push"
)

// Repository opens a repository of a registry. No request is made yet.
func (c *Client) Repository(name reference.Named, access Access, who Credentials) (*Repository, error) {
	registry := reference.Domain(name)
	hosts, err := c.hosts(registry)
	if err != nil {
		return nil, err
	}
	r := &Repository{
		client: c, registry: registry, path: reference.Path(name), who: who,
		scopes: []string{"repository:" + reference.Path(name) + ":" + string(access)},
	}
	for _, h := range hosts {
		r.hosts = append(r.hosts, &session{host: h, repository: r})
	}
	return r, nil
}

// Repository is one repository of a registry, as one user sees it.
type Repository struct {
	client   *Client
	registry string // docker.io
	path     string // library/debian
	who      Credentials
	scopes   []string // of tokens
	hosts    []*session
}

// Close closes the connections that are not in use any more.
func (r *Repository) Close() {
	for _, s := range r.hosts {
		s.http.CloseIdleConnections()
	}
}

// transport is a plain one with our time limits; one connection a transfer, so that a slow one does not hold
// up others.
func (c *Client) transport(t *tls.Config) *http.Transport {
	tr := &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return c.proxy(r.URL) },
		TLSClientConfig:        t,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  c.cfg.Retry.Stall,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         64 << 10,
		WriteBufferSize:        64 << 10,
		DisableCompression:     true, // what has a digest comes as it is
	}
	return tr
}
