package access

import (
	"net/http"
	"strings"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/refusal"
)

// realm is what clients show when they ask for a password.
const realm = "berth-registry"

// Guard checks what requests may do.
type Guard struct {
	// Passwords are the users; nil for a registry without.
	Passwords *Passwords
	// Policy gives the rules that hold now. Without any, or nil, whoever has a
	// password may do everything.
	Policy func() Policy
	// Tokens are taken and given out; nil: passwords come with every request.
	Tokens *Tokens
}

// who is the one who asks.
type who struct {
	user string // "" for nobody in particular
	// access is what a token allows; nil for somebody who came with a password or nothing.
	access []grant
	token  bool
}

// Open reports that whoever may do anything may read everything.
func (g *Guard) Open() bool { return len(g.rules().Rights) == 0 }

func (g *Guard) rules() Policy {
	if g.Policy == nil {
		return Policy{}
	}
	return g.Policy()
}

// allows reports whether somebody may do something at all, by the rules.
func (g *Guard) allows(user string, need registry.Need) bool {
	if rules := g.rules(); len(rules.Rights) > 0 {
		return rules.allows(user, need)
	}
	return user != "" || g.Passwords == nil
}

// Check refuses a request that has not got the rights it needs. Whoever has
// shown no password, or a token for something else, is asked for one; whoever
// has, and may not, is denied.
func (g *Guard) Check(r *http.Request, need ...registry.Need) error {
	w, err := g.identify(r)
	if err != nil {
		if refusal.Is(err, refusal.Unauthorized) {
			return g.challenge(r, need, "invalid_token")
		}
		return err
	}
	for _, n := range need {
		allowed := g.allows(w.user, n)
		switch {
		case n == (registry.Need{Right: registry.Pull}) && g.Passwords != nil && !w.token && w.user == "":
			// Clients learn from their first request how to authenticate: whoever only
			// pulls what everybody may gets a token without a password.
			return g.challenge(r, need, "")
		case allowed && (!w.token || carries(w.access, n)):
		case !w.token && w.user == "":
			return g.challenge(r, need, "")
		case w.token && allowed:
			return g.challenge(r, need, "insufficient_scope")
		case w.token && w.user == "":
			// No token for nobody in particular helps, and one for somebody might.
			e := g.challenge(r, need, "insufficient_scope")
			e.Code, e.Status = refusal.Denied, http.StatusUnauthorized
			return e
		default:
			return refusal.New(refusal.Denied, "%s may not do this: it takes the right to %s %s", w.user, n.Right, n.Repo)
		}
	}
	return nil
}

// identify finds out who asks. Nobody in particular is fine; somebody who is not
// who they say is not.
func (g *Guard) identify(r *http.Request) (who, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return who{}, nil
	}
	scheme, value, _ := strings.Cut(header, " ")
	if strings.EqualFold(scheme, "bearer") && g.Tokens != nil {
		c, err := g.Tokens.verify(strings.TrimSpace(value), time.Now())
		if err != nil {
			return who{}, refusal.New(refusal.Unauthorized, "%v", err)
		}
		return who{user: c.Subject, access: c.Access, token: true}, nil
	}
	user, password, ok := r.BasicAuth()
	if !ok || g.Passwords == nil {
		return who{}, refusal.New(refusal.Unauthorized, "The registry does not know such credentials")
	}
	right, err := g.Passwords.Right(r.Context(), user, password)
	if err != nil {
		return who{}, err
	}
	if !right {
		return who{}, refusal.New(refusal.Unauthorized, "The name or the password is wrong")
	}
	return who{user: user}, nil
}

// challenge asks for credentials, in the way that this registry takes them.
func (g *Guard) challenge(r *http.Request, need []registry.Need, problem string) *refusal.Error {
	value := `Basic realm="` + realm + `", charset="UTF-8"`
	if g.Tokens != nil {
		value = g.Tokens.challenge(r, need, problem)
	}
	e := refusal.New(refusal.Unauthorized, "Authentication is required")
	if problem == "invalid_token" {
		e.Text = "The credentials are wrong, or have expired"
	}
	e.Header = http.Header{"Www-Authenticate": {value}}
	return e
}
