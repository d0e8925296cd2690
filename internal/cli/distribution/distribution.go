// Package distribution is as much of a registry's client as the commands on
// manifests need, which ask registries themselves and not by way of a daemon:
// it reads manifests and small blobs, mounts blobs and puts manifests (OCI
// distribution-spec 1.1). Images are moved by the daemon.
package distribution

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"berth/internal/cli/imageref"
	"berth/internal/fault"
	"berth/internal/login"

	"github.com/opencontainers/go-digest"
)

const (
	// hubHost answers for docker.io.
	hubHost = "registry-1.docker.io"
	// bodyLimit is the most that a manifest or an image's configuration may have, in bytes.
	bodyLimit = 4 << 20
	patience  = time.Minute
)

// Client speaks with registries.
type Client struct {
	insecure bool
	who      func(host string) login.Credentials
	auth     *login.Client
	http     *http.Client
	lax      *http.Client                   // believes any certificate
	given    map[string]func(*http.Request) // by registry and rights: what a registry has asked for
}

// New returns a client that logs in as who says. An insecure one believes any
// certificate and does without, where a registry has none; so does any with
// registries of this host.
func New(insecure bool, who func(host string) login.Credentials) *Client {
	over := func(conf *tls.Config) *http.Client {
		return &http.Client{Timeout: patience, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: patience / 4, TLSClientConfig: conf,
		}}
	}
	return &Client{
		insecure: insecure, who: who, auth: login.New("berth"), given: map[string]func(*http.Request){},
		http: over(nil), lax: over(&tls.Config{InsecureSkipVerify: true}), // #nosec G402 -- where the user allows it
	}
}

// trusts reports a registry that need not prove who it is.
func (c *Client) trusts(registryHost string) bool {
	name, _, err := net.SplitHostPort(registryHost)
	if err != nil {
		name = registryHost
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return c.insecure || name == "localhost" || err == nil && ip.IsLoopback()
}

// Document is a manifest as it lies in a registry.
type Document struct {
	MediaType string
	Digest    digest.Digest
	Raw       []byte
}

// Manifest fetches what a reference names. NotFound when there is none, or
// when the registry shows it to nobody like us.
func (c *Client) Manifest(ctx context.Context, ref imageref.Ref) (Document, error) {
	a, err := c.ask(ctx, ref, question{method: http.MethodGet, path: "manifests/" + version(ref), accept: strings.Join(mediaTypes(), ", ")})
	if err != nil {
		return Document{}, err
	}
	if a.code != http.StatusOK {
		return Document{}, fault.New(fault.NotFound, "no such manifest: %s", ref)
	}
	if media := a.header.Get("Content-Type"); !slices.Contains(mediaTypes(), media) {
		return Document{}, fault.New(fault.Invalid, "unsupported manifest media type and no default available: %s", media)
	}
	d := Document{MediaType: a.header.Get("Content-Type"), Digest: digest.FromBytes(a.body), Raw: a.body}
	if ref.Digest != "" {
		want := digest.Digest(ref.Digest)
		if d.Digest = want.Algorithm().FromBytes(a.body); d.Digest != want {
			return Document{}, fault.New(fault.Internal, "manifest verification failed for digest %s", ref.Digest)
		}
	}
	return d, nil
}

// Blob fetches a small blob of a repository.
func (c *Client) Blob(ctx context.Context, ref imageref.Ref, d digest.Digest) ([]byte, error) {
	a, err := c.ask(ctx, ref, question{method: http.MethodGet, path: "blobs/" + d.String()})
	if err != nil {
		return nil, err
	}
	if a.code != http.StatusOK {
		return nil, a.failure("get blob %s of %s", d, ref.Name())
	}
	if d.Algorithm().FromBytes(a.body) != d {
		return nil, fault.New(fault.Internal, "image config verification failed for digest %s", d)
	}
	return a.body, nil
}

// Mount has a registry show a blob of one of its repositories in another. It
// returns false where the registry wants the blob sent.
func (c *Client) Mount(ctx context.Context, from, to imageref.Ref, d digest.Digest) (bool, error) {
	a, err := c.ask(ctx, to, question{method: http.MethodPost, path: "blobs/uploads/?mount=" + d.String() + "&from=" + from.Path, from: from.Path})
	switch {
	case err != nil:
		return false, err
	case a.code == http.StatusCreated:
		return true, nil
	case a.code == http.StatusAccepted:
		// An upload has begun that nobody wants; the registry forgets it by itself too.
		_, _ = c.ask(ctx, to, question{method: http.MethodDelete, url: a.location})
		return false, nil
	}
	return false, a.failure("mount blob %s@%s to %s", from.Path, d, to)
}

// Put gives a reference a manifest.
func (c *Client) Put(ctx context.Context, ref imageref.Ref, d Document) error {
	a, err := c.ask(ctx, ref, question{method: http.MethodPut, path: "manifests/" + version(ref), media: d.MediaType, body: d.Raw})
	if err == nil && a.code != http.StatusCreated && a.code != http.StatusOK {
		err = a.failure("put manifest %s", ref)
	}
	return err
}

// version is the part of a reference by which a manifest is asked for. A tag
// goes before a digest, as in docker's client.
func version(ref imageref.Ref) string {
	if ref.Tag != "" {
		return ref.Tag
	}
	return ref.Digest
}

// question is a request: a path below the repository, or a whole URL.
type question struct {
	method, path, url string
	accept, media     string
	from              string // a second repository that is to be read
	body              []byte
}

// ask puts a question to a reference's registry, over TLS first.
func (c *Client) ask(ctx context.Context, ref imageref.Ref, q question) (answer, error) {
	host := ref.Domain
	if host == imageref.HubDomain {
		host = hubHost
	}
	schemes, via := []string{"https"}, c.http
	if c.trusts(ref.Domain) {
		via = c.lax
		schemes = append(schemes, "http")
	}
	var a answer
	var err error
	for _, scheme := range schemes {
		a, err = c.askAt(ctx, via, target{ref, scheme + "://" + host}, q)
		// Only what shows that nobody speaks TLS there lets us speak in the open.
		if err == nil || ctx.Err() != nil || !plain(err) {
			break
		}
	}
	return a, err
}

// plain reports a server that answers without TLS.
func plain(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// target is a repository at an address of its registry.
type target struct {
	ref  imageref.Ref
	base string
}

// askAt asks, and once more with what the registry asks for.
func (c *Client) askAt(ctx context.Context, via *http.Client, at target, q question) (answer, error) {
	if q.url == "" {
		q.url = at.base + "/v2/" + at.ref.Path + "/" + q.path
	}
	if !strings.HasPrefix(q.url, at.base+"/") {
		return answer{}, fault.New(fault.Invalid, "%s names another address, %s", at.base, q.url) // which does not get the login
	}
	right := "pull"
	if q.method != http.MethodGet {
		right = "pull,push"
	}
	scopes := []string{"repository:" + at.ref.Path + ":" + right}
	if q.from != "" {
		scopes = append(scopes, "repository:"+q.from+":pull")
	}
	key := at.base + " " + strings.Join(scopes, " ")
	a, err := send(ctx, via, q, c.given[key])
	if err != nil || a.code != http.StatusUnauthorized {
		return a, err
	}
	demand := login.Demand{Address: at.base + "/v2/", Header: a.header, Scopes: scopes, Via: via}
	with, err := c.auth.Authorize(ctx, demand, c.who(at.ref.Domain))
	if err != nil {
		return answer{}, fmt.Errorf("failed to authenticate at %s: %w", at.ref.Domain, err)
	}
	c.given[key] = with
	return send(ctx, via, q, with)
}

func send(ctx context.Context, via *http.Client, q question, with func(*http.Request)) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, q.url, bytes.NewReader(q.body))
	if err != nil {
		return answer{}, err
	}
	for name, v := range map[string]string{"Accept": q.accept, "Content-Type": q.media, "User-Agent": "berth"} {
		if v != "" {
			req.Header.Set(name, v)
		}
	}
	if with != nil {
		with(req)
	}
	resp, err := via.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{code: resp.StatusCode, header: resp.Header}
	if there, err := resp.Location(); err == nil {
		a.location = there.String()
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, bodyLimit+1))
	if err == nil && len(a.body) > bodyLimit {
		err = fault.New(fault.Invalid, "%s answers with more than %d bytes", q.url, bodyLimit)
	}
	return a, err
}
