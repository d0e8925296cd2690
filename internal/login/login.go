// Package login tries credentials at a registry: by the API's own endpoint and the
// token server that it names (distribution's docs/content/spec/auth/token.md and oauth.md). It keeps nothing.
package login

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"berth/internal/fault"
)

// Credentials are what a user says of himself to a registry.
type Credentials struct {
	Username, Password string
	IdentityToken      string // instead of a password: what an earlier login was given
	ServerAddress      string // "" is Docker Hub
}

// The names that Docker Hub goes by, and the host that answers for it.
const (
	hub     = "registry-1.docker.io"
	hubName = "docker.io"
	hubOld  = "index.docker.io"
)

// patience bounds a login: a user waits for it.
const patience = 30 * time.Second

// Client tries credentials.
type Client struct {
	agent         string
	plain, secure *http.Client // secure believes in certificates; plain does not, for registries of this host
}

// New returns a client that calls itself by agent.
func New(agent string) *Client {
	transport := func(tlsConfig *tls.Config) *http.Client {
		return &http.Client{Timeout: patience, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSClientConfig: tlsConfig, TLSHandshakeTimeout: 10 * time.Second, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		}}
	}
	return &Client{agent: agent, secure: transport(nil), plain: transport(&tls.Config{InsecureSkipVerify: true})} // of this host only: see endpoints
}

// endpoint is one way to a registry.
type endpoint struct {
	url  string // "https://host/v2/"
	http *http.Client
}

// Login tries credentials and returns the identity token that the registry gives
// for them, "" when it gives none. Unauthorized when they are wrong. What goes wrong is told in Docker's words.
func (c *Client) Login(ctx context.Context, who Credentials) (identity string, err error) {
	host, err := hostOf(who.ServerAddress)
	if err != nil {
		return "", err
	}
	for _, to := range c.endpoints(host) {
		if identity, err = c.try(ctx, to, who); err == nil {
			return identity, nil
		}
		if ctx.Err() != nil {
			return "", fault.As(fault.Cancelled, err)
		}
	}
	return "", err
}

// hostOf is the host and port of a server address, which may be a URL.
func hostOf(address string) (string, error) {
	if address == "" {
		return hub, nil
	}
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fault.New(fault.Invalid, "unable to parse server address: %v", err)
	}
	switch {
	case u.Host == hubName || u.Host == hubOld:
		return hub, nil
	case u.Host == "":
		return "", fault.New(fault.Invalid, "unable to parse server address: %q has no host", address)
	}
	return u.Host, nil
}

// endpoints are the ways to a host, the best first. One on this host need not
// prove who it is, as in Docker.
func (c *Client) endpoints(host string) []endpoint {
	if !local(host) {
		return []endpoint{{"https://" + host + "/v2/", c.secure}}
	}
	return []endpoint{{"https://" + host + "/v2/", c.plain}, {"http://" + host + "/v2/", c.plain}}
}

// local reports that a host is this one.
func local(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// try makes the registry say what it wants, gives it, and asks again.
func (c *Client) try(ctx context.Context, to endpoint, who Credentials) (identity string, err error) {
	resp, err := c.do(ctx, to, question{address: to.url})
	if err != nil {
		return "", failed(to, err)
	}
	if resp.code == http.StatusUnauthorized {
		var with func(*http.Request)
		if with, identity, err = c.answer(ctx, to, resp.header, who); err != nil {
			return "", failed(to, err)
		}
		if resp, err = c.do(ctx, to, question{address: to.url, with: with}); err != nil {
			return "", failed(to, err)
		}
	}
	if resp.code != http.StatusOK {
		kind := fault.Internal
		if resp.code == http.StatusUnauthorized {
			kind = fault.Unauthorized
		}
		return "", fault.New(kind, "login attempt to %s failed with status: %d %s", to.url, resp.code, http.StatusText(resp.code))
	}
	return identity, nil
}

// failed says at which address something failed.
func failed(to endpoint, err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return fault.As(fault.KindOf(err), err) // it says that itself
	}
	return fault.New(fault.KindOf(err), "Get %q: %v", to.url, err)
}
