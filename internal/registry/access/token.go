package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
)

const (
	// lifetime is how long a token is good for. A push of hours asks for several.
	lifetime = 15 * time.Minute
	// leeway is how far the clocks of two registries with one key may be apart.
	leeway = time.Minute
)

// Tokens signs and checks tokens: JSON web tokens by HMAC-SHA256, with the claims
// that Docker's token specification has. Nobody but this registry reads them.
type Tokens struct {
	Key     []byte
	Service string
	// URL is where clients get them; "" for /token at the host that they came to.
	URL string
}

// header is the only one that is ever taken: a token does not choose how it is checked.
const header = `{"alg":"HS256","typ":"JWT"}`

// claims are what a token says.
type claims struct {
	Issuer   string  `json:"iss"`
	Subject  string  `json:"sub"`
	Audience string  `json:"aud"`
	Expires  int64   `json:"exp"`
	Issued   int64   `json:"iat"`
	Access   []grant `json:"access"`
}

// grant is what may be done with one thing.
type grant struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// carries reports whether grants are enough for a need.
func carries(list []grant, n registry.Need) bool {
	if n.Repo == "" && !n.Catalog {
		return true
	}
	return slices.ContainsFunc(list, func(g grant) bool {
		if n.Catalog {
			return g.Type == "registry" && g.Name == "catalog" && slices.Contains(g.Actions, "*")
		}
		return g.Type == "repository" && g.Name == n.Repo && slices.Contains(g.Actions, string(n.Right))
	})
}

// sign makes a token.
func (t *Tokens) sign(c claims) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := encode([]byte(header)) + "." + encode(body)
	return text + "." + encode(t.mac(text)), nil
}

func (t *Tokens) mac(text string) []byte {
	m := hmac.New(sha256.New, t.Key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// verify reads a token that this registry has signed, for this registry, and
// that is still good.
func (t *Tokens) verify(token string, now time.Time) (c claims, err error) {
	end := strings.LastIndexByte(token, '.')
	head, payload, ok := strings.Cut(token[:max(end, 0)], ".")
	if !ok || head != encode([]byte(header)) {
		return c, errors.New("the token is none of this registry's")
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil || !hmac.Equal(signature, t.mac(token[:end])) {
		return c, errors.New("the token's signature is wrong")
	}
	body, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	switch {
	case err != nil:
		return c, errors.New("the token cannot be read")
	case c.Audience != t.Service || c.Issuer != t.Service:
		return c, errors.New("the token is for another registry")
	case now.After(time.Unix(c.Expires, 0)) || now.Add(leeway).Before(time.Unix(c.Issued, 0)):
		return c, errors.New("the token has expired")
	}
	return c, nil
}

// challenge names where a token is had, and for what it has to be.
func (t *Tokens) challenge(r *http.Request, need []registry.Need, problem string) string {
	value := `Bearer realm="` + t.address(r) + `",service="` + t.Service + `"`
	if scope := scopeOf(need); scope != "" {
		value += `,scope="` + scope + `"`
	}
	if problem != "" {
		value += `,error="` + problem + `"`
	}
	return value
}

func (t *Tokens) address(r *http.Request) string {
	if t.URL != "" {
		return t.URL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	// A Host header's quotes would end the parameter; no host has any.
	return scheme + "://" + strings.Map(func(c rune) rune {
		if c == '"' || c == '\\' {
			return -1
		}
		return c
	}, r.Host) + "/token"
}

// scopeOf words needs as scopes, one for each repository.
func scopeOf(need []registry.Need) string {
	var scopes []string
	for i, n := range need {
		switch {
		case n.Catalog:
			scopes = append(scopes, "registry:catalog:*")
		case n.Repo == "":
		case i > 0 && need[i-1].Repo == n.Repo:
			scopes[len(scopes)-1] += "," + string(n.Right)
		default:
			scopes = append(scopes, "repository:"+n.Repo+":"+string(n.Right))
		}
	}
	return strings.Join(scopes, " ")
}

// parseScope reads one scope: "repository:<name>:<actions>", where the type may
// have a class in brackets, or "registry:catalog:*". What cannot be read is no scope.
func parseScope(s string) (grant, bool) {
	kind, rest, ok := strings.Cut(s, ":")
	end := strings.LastIndexByte(rest, ':')
	if !ok || end < 0 {
		return grant{}, false
	}
	kind, _, _ = strings.Cut(kind, "(")
	g := grant{Type: kind, Name: rest[:end], Actions: strings.Split(rest[end+1:], ",")}
	switch g.Type {
	case "repository":
		_, err := grammar.Repository(g.Name)
		return g, err == nil
	case "registry":
		return g, g.Name == "catalog"
	}
	return grant{}, false
}
