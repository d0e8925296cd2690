package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/errdefs"
	"golang.org/x/net/http/httpproxy"
)

// Hub is the registry of names that name none; its API answers elsewhere.
const (
	Hub     = "docker.io"
	hubHost = "registry-1.docker.io"
)

// host is one place where a registry's content can be had.
type host struct {
	base   url.URL // https://registry-1.docker.io/v2
	http   *http.Client
	header http.Header // for every request
	may    docker.HostCapabilities
	own    bool // the registry's own: it may see credentials
	plain  bool // it may speak no TLS: that is tried too
}

// hosts are the places that answer for a registry, in the order in which they are asked: its mirrors,
// and then itself. containerd's own package reads what an administrator says of a host
// (hosts.toml, or Docker's *.crt, *.cert and *.key).
func (c *Client) hosts(registry string) ([]host, error) {
	dir, err := c.hostDir(registry)
	if err != nil {
		return nil, err
	}
	if err := checkHostDir(dir); err != nil {
		return nil, err
	}
	var list []host
	for _, mirror := range c.cfg.Mirrors[registry] {
		h, err := c.mirror(mirror)
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	found, err := c.configure(registry, dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the configuration of registry %s in %s", registry, dir)
	}
	own := registry
	if registry == Hub {
		own = hubHost
	}
	for _, f := range found {
		if f.Host == "" || f.Scheme != "http" && f.Scheme != "https" {
			return nil, fault.New(fault.Invalid, "the configuration of registry %s in %s names a host that is none: %s://%s%s", registry, dir, f.Scheme, f.Host, f.Path)
		}
		_, onlyOne := f.Client.Transport.(*http.Transport)
		list = append(list, host{
			base: url.URL{Scheme: f.Scheme, Host: f.Host, Path: f.Path}, http: f.Client, header: f.Header,
			may: f.Capabilities, own: f.Host == own, plain: !onlyOne, // it is wrapped in what tries both
		})
	}
	return list, nil
}

// configure makes the hosts of one registry, without the mirrors of daemon.json.
func (c *Client) configure(registry, dir string) ([]docker.RegistryHost, error) {
	opts := config.HostOptions{
		HostDir: func(string) (string, error) {
			if dir == "" {
				return "", errdefs.ErrNotFound
			}
			return dir, nil
		},
		UpdateClient: c.update,
	}
	if c.cfg.Insecure.Has(registry) && !docker.IsLocalhost(registry) {
		opts.DefaultScheme = "http" // HTTPS is tried first all the same, since TLS is configured
		opts.DefaultTLS = &tls.Config{InsecureSkipVerify: true}
	}
	return config.ConfigureHosts(context.Background(), opts)(registry)
}

// update gives our limits and proxies to a client whose TLS containerd has configured.
func (c *Client) update(client *http.Client) error {
	tr, ok := client.Transport.(*http.Transport)
	if !ok {
		return errors.New("not a plain HTTP transport")
	}
	client.Transport = c.transport(tr.TLSClientConfig)
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errors.New("the registry redirects from HTTPS to plain HTTP")
		}
		return nil
	}
	return nil
}

// mirror is a host that stands in for a registry.
func (c *Client) mirror(address string) (host, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return host{}, fault.New(fault.Invalid, "invalid mirror: %q", address)
	}
	dir, err := c.hostDir(u.Host)
	if err != nil {
		return host{}, err
	}
	found, err := c.configure(u.Host, dir)
	if err != nil || len(found) == 0 {
		return host{}, fault.Wrap(fault.Invalid, err, "the configuration of mirror %s", address)
	}
	f := found[len(found)-1] // the host itself
	base := *u.JoinPath("v2")
	return host{base: base, http: f.Client, header: f.Header, may: docker.HostCapabilityPull | docker.HostCapabilityResolve}, nil
}

// hostDir is the directory with what is special about a host, "" for none.
func (c *Client) hostDir(host string) (string, error) {
	if strings.ContainsAny(host, "/\\") || host == ".." {
		return "", fault.New(fault.Invalid, "invalid registry host: %q", host)
	}
	for _, root := range c.cfg.CertDirs {
		dir, err := config.HostDirFromRoot(root)(host)
		if err == nil {
			return dir, nil
		}
		if !errdefs.IsNotFound(err) {
			return "", fault.Wrap(fault.Internal, err, "the configuration of registry %s", host)
		}
	}
	return "", nil
}

// checkHostDir refuses what containerd's package would pass over with a line in its log: a hosts.toml that
// cannot be read, a certificate without its key.
func checkHostDir(dir string) error {
	if dir == "" {
		return nil
	}
	if text, err := os.ReadFile(filepath.Join(dir, "hosts.toml")); err == nil && len(text) > 0 {
		return checkHostsFile(filepath.Join(dir, "hosts.toml"), text)
	}
	certs, err := filepath.Glob(filepath.Join(dir, "*.cert"))
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	for _, cert := range certs {
		key := strings.TrimSuffix(cert, ".cert") + ".key"
		if _, err := os.Stat(key); err != nil {
			return fault.New(fault.Invalid, "missing key %s for client certificate %s. CA certificates must use the extension .crt", filepath.Base(key), filepath.Base(cert))
		}
	}
	keys, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	for _, key := range keys {
		cert := strings.TrimSuffix(key, ".key") + ".cert"
		if _, err := os.Stat(cert); err != nil {
			return fault.New(fault.Invalid, "missing client certificate %s for key %s", filepath.Base(cert), filepath.Base(key))
		}
	}
	return nil
}

func (p ProxyConfig) function() func(*url.URL) (*url.URL, error) {
	cfg := httpproxy.FromEnvironment()
	for _, set := range []struct {
		to   *string
		from string
	}{{&cfg.HTTPProxy, p.HTTP}, {&cfg.HTTPSProxy, p.HTTPS}, {&cfg.NoProxy, p.No}} {
		if set.from != "" {
			*set.to = set.from
		}
	}
	return cfg.ProxyFunc()
}
