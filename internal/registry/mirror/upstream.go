package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/registry/refusal"
)

const (
	// answering is how long an upstream may think.
	answering = 30 * time.Second
	// tokensLimit is how many tokens are kept.
	tokensLimit = 1000
	// tokenLimit bounds what a token server may answer.
	tokenLimit = 1 << 20
)

// Upstream is a registry that is asked for what is not here.
type Upstream struct {
	base           string // scheme and host
	user, password string
	http           *http.Client

	mu     sync.Mutex
	tokens map[string]string // what to authorize with, by repository
}

// NewUpstream returns the registry at an address. Without a user it is asked anonymously.
func NewUpstream(address, user, password string) (*Upstream, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return nil, fault.New(fault.Invalid, "%q is no address of a registry, as https://registry-1.docker.io is", address)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: answering,
	}
	return &Upstream{base: u.Scheme + "://" + u.Host, user: user, password: password, http: &http.Client{Transport: transport}, tokens: map[string]string{}}, nil
}

// ask sends a request about a repository, and once more with the token or the
// password that the upstream then wants. What it refuses is an error.
func (u *Upstream) ask(ctx context.Context, method, repo, path string, header http.Header) (*http.Response, error) {
	for try := 0; ; try++ {
		resp, err := u.send(ctx, method, repo, path, header)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode < http.StatusMultipleChoices {
			return resp, nil
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized || try > 0 {
			return nil, refused(resp, repo)
		}
		if err := u.authorize(ctx, repo, resp.Header.Get("Www-Authenticate")); err != nil {
			return nil, err
		}
	}
}

func (u *Upstream) send(ctx context.Context, method, repo, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.base+"/v2/"+repo+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "berth-registry")
	if value := u.known(repo); value != "" {
		req.Header.Set("Authorization", value)
	}
	resp, err := u.http.Do(req)
	return resp, away(err)
}

// away marks an error of the way to the upstream: what is here may do instead.
func away(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Unavailable, err, "the upstream cannot be reached")
}

// refused is what an upstream's status means for who has asked.
func refused(resp *http.Response, repo string) error {
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound:
		return fault.New(fault.NotFound, "the upstream has not got it in %s", repo)
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return fault.New(fault.NotFound, "the upstream denies %s", repo)
	case s == http.StatusTooManyRequests:
		e := refusal.New(refusal.TooMany, "The upstream has been asked too often")
		if after := resp.Header.Get("Retry-After"); after != "" {
			e.Header = http.Header{"Retry-After": {after}}
		}
		return fault.As(fault.Unavailable, e)
	}
	return fault.New(fault.Unavailable, "the upstream answered %s", resp.Status)
}

func (u *Upstream) known(repo string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.tokens[repo]
}

// authorize does what a challenge asks for, and keeps the result for the repository.
func (u *Upstream) authorize(ctx context.Context, repo, header string) error {
	c := parseChallenge(header)
	value := ""
	switch c.scheme {
	case "basic":
		if u.user == "" {
			return fault.New(fault.NotFound, "the upstream wants a password for %s", repo)
		}
		req := &http.Request{Header: http.Header{}}
		req.SetBasicAuth(u.user, u.password)
		value = req.Header.Get("Authorization")
	case "bearer":
		token, err := u.token(ctx, c.address("repository:"+repo+":pull"))
		if err != nil {
			return err
		}
		value = "Bearer " + token
	default:
		return fault.New(fault.Unavailable, "the upstream asks for credentials in no way that is known")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.tokens) >= tokensLimit {
		clear(u.tokens) // they are asked for again
	}
	u.tokens[repo] = value
	return nil
}

func (u *Upstream) token(ctx context.Context, address string) (string, error) {
	if address == "" {
		return "", fault.New(fault.Unavailable, "the upstream names no place for its tokens")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	// The password goes where the upstream says, and nowhere in the clear that the upstream itself is not.
	if u.user != "" && (req.URL.Scheme == "https" || strings.HasPrefix(u.base, "http://")) {
		req.SetBasicAuth(u.user, u.password)
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return "", away(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", refused(resp, "its tokens")
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, tokenLimit)).Decode(&answer); err != nil {
		return "", away(fmt.Errorf("its token: %w", err))
	}
	if answer.Token == "" {
		answer.Token = answer.AccessToken
	}
	return answer.Token, nil
}
