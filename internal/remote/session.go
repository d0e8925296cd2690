package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"berth/internal/fault"
	"berth/internal/login"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// session is one user at one host: it keeps what the host was last satisfied with.
type session struct {
	host
	repository *Repository

	met atomic.Bool // it has answered something

	mu    sync.Mutex
	proof map[string]func(*http.Request) // by the rights that it is for
}

// question is a request to a registry.
type question struct {
	method string
	path   string // below the repository: "manifests/latest"
	at     *url.URL
	query  url.Values
	header http.Header
	body   io.Reader
	again  func() (io.ReadCloser, error) // the body once more; nil when it cannot be had again
	size   int64                         // of the body; -1 when it is not known
	more   []string                      // rights beyond the repository's own
}

// ask makes a request and returns the answer, whatever its status. A registry that wants to know who asks is told.
func (s *session) ask(ctx context.Context, q question) (*http.Response, error) {
	scopes := append(slices.Clone(s.repository.scopes), q.more...)
	req, err := s.request(ctx, q)
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	home := req.URL.Host == s.base.Host
	if home {
		s.prove(req, scopes)
	}
	client := *s.http
	client.Transport = retrying{client.Transport, s.retry()}
	resp, err := client.Do(req)
	if err != nil {
		return nil, s.unreachable(ctx, err)
	}
	s.met.Store(true)
	if resp.StatusCode != http.StatusUnauthorized || !home || resp.Header.Get("WWW-Authenticate") == "" {
		return resp, nil
	}
	if err := s.authorize(ctx, resp.Header, scopes); err != nil {
		defer resp.Body.Close()
		at := *req.URL
		at.Scheme = resp.Request.URL.Scheme // it may have turned out that the registry speaks no TLS
		return nil, s.refused(q.method, &at, err)
	}
	if q.body != nil && q.again == nil {
		return resp, nil // the caller has to begin again
	}
	resp.Body.Close()
	if req, err = s.request(ctx, q); err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	s.prove(req, scopes)
	resp, err = client.Do(req)
	return resp, s.unreachable(ctx, err)
}

// retry: a mirror has the registry behind it, and need not be waited for.
func (s *session) retry() Retry {
	r := s.repository.client.cfg.Retry
	if last := s.repository.hosts[len(s.repository.hosts)-1]; last != s {
		r.Attempts = min(r.Attempts, 2)
	}
	return r
}

func (s *session) request(ctx context.Context, q question) (*http.Request, error) {
	at := q.at
	if at == nil {
		at = s.base.JoinPath(s.repository.path, q.path)
		if strings.HasSuffix(q.path, "/") && !strings.HasSuffix(at.Path, "/") {
			at.Path += "/"
		}
	}
	if len(q.query) > 0 {
		u := *at
		values := u.Query()
		for key, list := range q.query {
			values[key] = list
		}
		u.RawQuery = values.Encode()
		at = &u
	}
	body := q.body
	if q.again != nil {
		first, err := q.again()
		if err != nil {
			return nil, err
		}
		body = first
	}
	req, err := http.NewRequestWithContext(ctx, q.method, at.String(), body)
	if err != nil {
		return nil, err
	}
	req.GetBody = q.again
	if body != nil {
		req.ContentLength = q.size
	}
	for _, header := range []http.Header{s.header, q.header} {
		for key, values := range header {
			req.Header[key] = values
		}
	}
	req.Header.Set("User-Agent", s.repository.client.cfg.Agent)
	return req, nil
}

func (s *session) prove(req *http.Request, scopes []string) {
	if token := s.repository.who.RegistryToken; token != "" && s.own {
		req.Header.Set("Authorization", "Bearer "+token)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if with := s.proof[strings.Join(scopes, " ")]; with != nil {
		with(req)
	}
}

// authorize finds out what the host wants to see, for these rights. A mirror never sees what the user says to the registry.
func (s *session) authorize(ctx context.Context, header http.Header, scopes []string) error {
	who := s.repository.who
	if !s.own {
		who = Credentials{}
	}
	if who.RegistryToken != "" {
		return fault.New(fault.Unauthorized, "unauthorized: authentication required")
	}
	client := *s.http
	client.Transport = retrying{client.Transport, s.retry()}
	with, err := s.repository.client.tokens.Authorize(ctx, login.Demand{Address: s.base.String(), Header: header, Scopes: scopes, Via: &client}, who.Credentials)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proof == nil {
		s.proof = map[string]func(*http.Request){}
	}
	s.proof[strings.Join(scopes, " ")] = with
	return nil
}

// refused words that a registry wanted to know who asks, and was not satisfied.
func (s *session) refused(method string, at *url.URL, err error) error {
	var transport *url.Error
	if errors.As(err, &transport) {
		return fault.As(fault.KindOf(err), err) // it says itself where
	}
	return fault.As(fault.KindOf(err), &unproven{fmt.Sprintf("%s %q", strings.ToUpper(method[:1])+strings.ToLower(method[1:]), at), err})
}

// unreachable gives an error of the connection a kind. Of a host that has answered nothing yet it tells as Docker does, whose
// first question is always the same.
func (s *session) unreachable(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.As(fault.Cancelled, err)
	}
	var at *url.Error
	if errors.As(err, &at) && !s.met.Load() {
		first := s.base.JoinPath("/")
		if s.plain && errors.Is(err, syscall.ECONNREFUSED) {
			first.Scheme = "http" // nobody takes that either
		}
		err = &url.Error{Op: "Get", URL: first.String(), Err: at.Err}
	}
	return fault.As(fault.Unavailable, err)
}

// each asks the hosts that can do something one after the other, until one has an answer. The last one's error is told:
// it is the registry's own.
func (r *Repository) each(ctx context.Context, may docker.HostCapabilities, do func(s *session) error) error {
	err := fault.New(fault.Invalid, "no host is configured for registry %s that could do that", r.registry)
	for _, s := range r.hosts {
		if !s.may.Has(may) {
			continue
		}
		if err = do(s); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}
