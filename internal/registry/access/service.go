package access

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/refusal"
)

// scopesLimit is how many scopes one token may be asked for.
const scopesLimit = 100

// formLimit bounds the form of a request for a token.
const formLimit = 64 << 10

// ServeToken gives out tokens: to a GET with a password as Docker's clients ask,
// and to a POST with a form as OAuth 2 has it.
func (g *Guard) ServeToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	user, scopes, err := g.asked(w, r)
	if err != nil {
		e := refusal.Of(err)
		if e.Code == refusal.Unauthorized {
			w.Header().Set("Www-Authenticate", `Basic realm="`+realm+`"`)
		}
		answer(w, e.HTTP(), map[string]any{
			"errors": []map[string]any{{"code": e.Code, "message": e.Text}},
			"error":  "invalid_request", "error_description": e.Text,
		})
		return
	}
	now := time.Now()
	t := g.Tokens
	token, err := t.sign(claims{
		Issuer: t.Service, Subject: user, Audience: t.Service, Issued: now.Unix(), Expires: now.Add(lifetime).Unix(), Access: g.granted(user, scopes),
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"token": token, "access_token": token, "expires_in": int(lifetime.Seconds()), "issued_at": now.UTC().Format(time.RFC3339),
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that goes hears nothing
}

// asked finds out who wants a token, and for what.
func (g *Guard) asked(w http.ResponseWriter, r *http.Request) (user string, scopes []string, err error) {
	switch r.Method {
	case http.MethodGet:
		scopes = r.URL.Query()["scope"]
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, formLimit)
		if err := r.ParseForm(); err != nil {
			return "", nil, &refusal.Error{Code: refusal.Unknown, Status: http.StatusBadRequest, Text: "The form cannot be read"}
		}
		if grant := r.PostForm.Get("grant_type"); grant != "password" {
			return "", nil, &refusal.Error{Code: refusal.Unsupported, Status: http.StatusBadRequest, Text: "Tokens are given for a password, and for nothing else"}
		}
		scopes = r.PostForm["scope"]
		r.SetBasicAuth(r.PostForm.Get("username"), r.PostForm.Get("password"))
	default:
		return "", nil, refusal.New(refusal.Unsupported, "Tokens are had by GET or POST")
	}
	who, err := g.identify(r)
	if err != nil {
		return "", nil, err
	}
	if who.token {
		return "", nil, refusal.New(refusal.Unauthorized, "A token gives no other token")
	}
	if who.user == "" && !g.allows("", registry.Need{Right: registry.Pull}) {
		return "", nil, refusal.New(refusal.Unauthorized, "Authentication is required")
	}
	return who.user, split(scopes), nil
}

// split takes scopes apart that came in one parameter.
func split(list []string) []string {
	var found []string
	for _, s := range list {
		found = append(found, strings.Fields(s)...)
	}
	return found[:min(len(found), scopesLimit)]
}

// granted is what of the scopes the user may have. Asking for too much is no
// error: the registry says so when it is used.
func (g *Guard) granted(user string, scopes []string) []grant {
	given := []grant{}
	for _, s := range scopes {
		wanted, ok := parseScope(s)
		if !ok {
			continue
		}
		actions := slices.DeleteFunc(spelled(wanted), func(action string) bool {
			need := registry.Need{Repo: wanted.Name, Right: registry.Right(action)}
			if wanted.Type == "registry" {
				need = registry.Need{Catalog: true}
			}
			return !g.allows(user, need)
		})
		if len(actions) > 0 {
			given = append(given, grant{wanted.Type, wanted.Name, actions})
		}
	}
	return given
}

// spelled are the actions of a scope, with * for a repository spelled out.
func spelled(g grant) []string {
	if g.Type == "registry" {
		return []string{"*"}
	}
	var found []string
	for _, a := range []registry.Right{registry.Pull, registry.Store, registry.Delete} {
		if slices.Contains(g.Actions, string(a)) || slices.Contains(g.Actions, "*") {
			found = append(found, string(a))
		}
	}
	return found
}
