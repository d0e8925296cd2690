package login

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"berth/internal/fault"
)

// clientID is how token servers know who asks; they know Docker's.
const clientID = "docker"

// bodyLimit is the most that an answer may hold.
const bodyLimit = 1 << 20

// reply is an answer that has been read.
type reply struct {
	code   int
	status string
	header http.Header
	body   []byte
}

// question is a request: a GET, or with a form a POST.
type question struct {
	address string
	form    url.Values
	with    func(*http.Request) // adds to it; nil for nothing
}

// do makes one request.
func (c *Client) do(ctx context.Context, to endpoint, q question) (reply, error) {
	method, body := "GET", io.Reader(nil)
	if q.form != nil {
		method, body = "POST", strings.NewReader(q.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, q.address, body)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("User-Agent", c.agent)
	if q.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.with != nil {
		q.with(req)
	}
	resp, err := to.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	return reply{resp.StatusCode, resp.Status, resp.Header, b}, err
}

// answer gives a registry what its challenges ask for: what is to be added to a request.
func (c *Client) answer(ctx context.Context, to endpoint, header http.Header, who Credentials) (with func(*http.Request), identity string, err error) {
	for _, ch := range challenges(header) {
		switch {
		case ch.scheme == "bearer":
			token, identity, err := c.token(ctx, to, ch, who, nil)
			return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, identity, err
		case ch.scheme == "basic" && who.Username != "" && who.Password != "":
			return func(r *http.Request) { r.SetBasicAuth(who.Username, who.Password) }, "", nil
		}
	}
	return nil, "", nil // asked again it says no again, and that is the answer
}

// Errors of Authorize that a caller tells in words of its own.
var (
	errNoBasic = fault.New(fault.Unauthorized, "no basic auth credentials")
	errNoWay   = fault.New(fault.Unauthorized, "unauthorized: authentication required")
)

// Demand is a registry's answer to somebody whom it does not know.
type Demand struct {
	Address string       // of the registry
	Header  http.Header  // of the answer, with its challenges
	Scopes  []string     // what is wanted there
	Via     *http.Client // by which a token server is asked
}

// Authorize meets a registry's demand: it returns what is to be added to requests.
func (c *Client) Authorize(ctx context.Context, d Demand, who Credentials) (func(*http.Request), error) {
	err := errNoWay
	for _, ch := range challenges(d.Header) {
		switch {
		case ch.scheme == "bearer":
			token, _, err := c.token(ctx, endpoint{d.Address, d.Via}, ch, who, wanted(d.Scopes, ch.params["scope"]))
			if err != nil {
				return nil, err
			}
			return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, nil
		case ch.scheme == "basic" && who.Username != "" && who.Password != "":
			return func(r *http.Request) { r.SetBasicAuth(who.Username, who.Password) }, nil
		case ch.scheme == "basic":
			err = errNoBasic
		}
	}
	return nil, err
}

// wanted are the rights that a token is asked for: ours, and what the registry says that it needs.
func wanted(scopes []string, asked string) []string {
	if asked == "" || slices.Contains(scopes, asked) {
		return scopes
	}
	return append(slices.Clone(scopes), asked)
}

// token asks the server that a challenge names. Credentials go to no other place
// than one that the registry has named over the web's own protocols.
func (c *Client) token(ctx context.Context, to endpoint, ch challenge, who Credentials, scopes []string) (token, identity string, err error) {
	realm, err := url.Parse(ch.params["realm"])
	if err != nil || realm.Scheme != "https" && realm.Scheme != "http" || realm.Host == "" {
		return "", "", fault.New(fault.Internal, "invalid token auth challenge realm: %q", ch.params["realm"])
	}
	if realm.Scheme == "http" && strings.HasPrefix(to.url, "https:") && !local(realm.Host) {
		return "", "", fault.New(fault.Internal, "the registry wants the password sent in the open, to %s", ch.params["realm"])
	}
	var resp reply
	if who.IdentityToken != "" {
		resp, err = c.do(ctx, to, question{address: realm.String(), form: url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {who.IdentityToken}, "service": {ch.params["service"]}, "client_id": {clientID},
			"scope": {strings.Join(scopes, " ")},
		}})
	} else {
		q := realm.Query()
		q.Set("service", ch.params["service"])
		q.Set("client_id", clientID)
		for _, scope := range scopes {
			q.Add("scope", scope)
		}
		if len(scopes) == 0 { // a login, whose token is kept
			q.Set("offline_token", "true")
		}
		if who.Username != "" {
			q.Set("account", who.Username)
		}
		realm.RawQuery = q.Encode()
		resp, err = c.do(ctx, to, question{address: realm.String(), with: func(r *http.Request) {
			if who.Username != "" || who.Password != "" {
				r.SetBasicAuth(who.Username, who.Password)
			}
		}})
	}
	if err != nil {
		return "", "", err
	}
	return readToken(resp, who)
}

// readToken reads a token server's answer.
func readToken(resp reply, who Credentials) (token, identity string, err error) {
	if resp.code < 200 || resp.code >= 300 {
		return "", "", refused(resp)
	}
	var got struct {
		Token   string `json:"token"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(resp.body, &got); err != nil {
		return "", "", fault.New(fault.Internal, "unable to decode token response: %v", err)
	}
	if token = got.Access; token == "" {
		token = got.Token
	}
	if token == "" {
		return "", "", fault.New(fault.Internal, "authorization server did not include a token in the response")
	}
	if identity = got.Refresh; identity == "" {
		identity = who.IdentityToken // it stays good
	}
	return token, identity, nil
}

// refused is what a token server says instead of giving a token.
func refused(resp reply) error {
	var said struct {
		Details string `json:"details"`
		Errors  []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	known := json.Unmarshal(resp.body, &said) == nil
	if resp.code == http.StatusUnauthorized || resp.code == http.StatusForbidden {
		kind := map[int]fault.Kind{http.StatusUnauthorized: fault.Unauthorized, http.StatusForbidden: fault.Forbidden}[resp.code]
		switch {
		case known && len(said.Errors) > 0:
			return fault.New(kind, "%s: %s", strings.ToLower(said.Errors[0].Code), said.Errors[0].Message)
		case known && said.Details != "":
			return fault.New(kind, "unauthorized: %s", said.Details)
		case resp.code == http.StatusUnauthorized:
			return fault.New(kind, "unauthorized: authentication required")
		}
	}
	return fault.New(fault.Internal, "%s", fmt.Sprintf("received unexpected HTTP status: %s", resp.status))
}
