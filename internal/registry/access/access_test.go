package access

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/refusal"

	"golang.org/x/crypto/bcrypt"
)

const rules = `{"rights": [
	{"users": ["ci"], "repositories": ["team/**"], "may": ["pull", "push", "delete"]},
	{"users": ["*"], "repositories": ["team/*"], "may": ["pull"], "catalog": true},
	{"anonymous": true, "repositories": ["public/*"], "may": ["pull"]}],
	"quotas": [{"repositories": ["team/large"], "size": "2GB"}, {"repositories": ["team/**"], "size": "1kB"}]}`

func guard(t *testing.T, tokens bool) *Guard {
	t.Helper()
	file := filepath.Join(t.TempDir(), "htpasswd")
	var lines strings.Builder
	for _, user := range []string{"ci", "someone"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(user+"-secret"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString(user + ":" + string(hash) + "\n")
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := parsePolicy([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	g := &Guard{Policy: func() Policy { return p }}
	if g.Passwords, err = ReadPasswords(file); err != nil {
		t.Fatal(err)
	}
	if tokens {
		g.Tokens = &Tokens{Key: []byte("key"), Service: "registry"}
	}
	return g
}

// by is a request with a user's right password, or of nobody.
func by(user string) *http.Request {
	r := httptest.NewRequest("GET", "http://registry.example/v2/", nil)
	if user != "" {
		r.SetBasicAuth(user, user+"-secret")
	}
	return r
}

func TestRightsAreWhatARuleGives(t *testing.T) {
	g := guard(t, false)
	for _, c := range []struct {
		user string
		need registry.Need
		want refusal.Code // "" for allowed
	}{
		{"ci", registry.Need{Repo: "team/a/b", Right: registry.Delete}, ""},
		{"ci", registry.Need{Repo: "team", Right: registry.Pull}, refusal.Denied},
		{"someone", registry.Need{Repo: "team/a", Right: registry.Pull}, ""},
		{"someone", registry.Need{Repo: "team/a/b", Right: registry.Pull}, refusal.Denied},
		{"someone", registry.Need{Repo: "team/a", Right: registry.Store}, refusal.Denied},
		{"someone", registry.Need{Catalog: true}, ""},
		{"", registry.Need{Repo: "public/a", Right: registry.Pull}, ""},
		{"someone", registry.Need{Repo: "public/a", Right: registry.Pull}, ""},
		{"", registry.Need{Repo: "public/a", Right: registry.Store}, refusal.Unauthorized},
		{"", registry.Need{Catalog: true}, refusal.Unauthorized},
		{"nobody", registry.Need{Repo: "public/a", Right: registry.Pull}, refusal.Unauthorized},
	} {
		err := g.Check(by(c.user), c.need)
		if c.want == "" && err != nil || c.want != "" && !refusal.Is(err, c.want) {
			t.Errorf("%s %+v: %v, want %q", c.user, c.need, err, c.want)
		}
	}
}

func TestAWrongPasswordIsRefusedAlsoAfterARightOne(t *testing.T) {
	g := guard(t, false)
	need := registry.Need{Repo: "team/a", Right: registry.Pull}
	for range 2 { // the second is remembered
		if err := g.Check(by("ci"), need); err != nil {
			t.Error(err)
		}
	}
	r := by("")
	r.SetBasicAuth("ci", "wrong")
	if err := g.Check(r, need); !refusal.Is(err, refusal.Unauthorized) {
		t.Errorf("%v", err)
	}
	// A user who is taken out of the file is out at once.
	if err := os.WriteFile(g.Passwords.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.Check(by("ci"), need); !refusal.Is(err, refusal.Unauthorized) {
		t.Errorf("after the file has changed: %v", err)
	}
}

func TestAPasswordFileHasBcryptAndNothingElse(t *testing.T) {
	for _, bad := range []string{"a", ":x", "a:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=", "a:$apr1$x$y", "a:plain"} {
		if _, err := parsePasswords([]byte("# users\n\n" + bad + "\n")); err == nil || !strings.Contains(err.Error(), "Line 3") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAPolicyThatSaysSomethingElseIsRefused(t *testing.T) {
	for _, bad := range []string{
		`{`, `{"rule": []}`, `{"rights": [{"repositories": ["a"], "may": ["pull"]}]}`, `{"rights": [{"users": ["a"], "may": ["write"]}]}`,
		`{"rights": [{"users": ["a"], "repositories": ["a*"]}]}`, `{"rights": [{"users": ["a"], "repositories": ["**/a"]}]}`, `{"quotas": [{"repositories": ["a"], "size": "much"}]}`,
	} {
		if p, err := parsePolicy([]byte(bad)); err == nil {
			t.Errorf("%s became %+v", bad, p)
		}
	}
}

func TestTheFirstQuotaThatMatchesCounts(t *testing.T) {
	p, err := parsePolicy([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	for repo, want := range map[string]int64{"team/large": 2e9, "team/large/x": 1000, "team": 0, "other": 0} {
		if got := p.Quota(repo); got != want {
			t.Errorf("%s has %d", repo, got)
		}
	}
}

// token asks for one, and returns the answer's status.
func token(t *testing.T, g *Guard, r *http.Request) (string, int) {
	t.Helper()
	w := httptest.NewRecorder()
	g.ServeToken(w, r)
	var a struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a.Token, w.Code
}

func bearer(token string) *http.Request {
	r := by("")
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestATokenCarriesWhatWasAskedForAndMayBeHad(t *testing.T) {
	g := guard(t, true)
	ask := by("someone")
	ask.URL.RawQuery = url.Values{"scope": {"repository:team/a:pull,push", "repository:secret:pull"}, "service": {"registry"}}.Encode()
	got, status := token(t, g, ask)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	for need, want := range map[registry.Need]refusal.Code{
		{Repo: "team/a", Right: registry.Pull}:   "",
		{Repo: "team/a", Right: registry.Store}:  refusal.Denied,
		{Repo: "team/b", Right: registry.Pull}:   refusal.Unauthorized, // it may be had, and was not asked for
		{Repo: "secret", Right: registry.Pull}:   refusal.Denied,
		{Repo: "public/a", Right: registry.Pull}: refusal.Unauthorized,
	} {
		if err := g.Check(bearer(got), need); want == "" && err != nil || want != "" && !refusal.Is(err, want) {
			t.Errorf("%+v: %v, want %q", need, err, want)
		}
	}
	form := httptest.NewRequest("POST", "/token", strings.NewReader(url.Values{"grant_type": {"password"}, "username": {"ci"}, "password": {"ci-secret"}, "scope": {"repository:team/x:*"}}.Encode()))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, _ = token(t, g, form)
	if err := g.Check(bearer(got), registry.Need{Repo: "team/x", Right: registry.Delete}); err != nil {
		t.Error(err)
	}
	wrong := by("")
	wrong.SetBasicAuth("ci", "wrong")
	if _, status := token(t, g, wrong); status != http.StatusUnauthorized {
		t.Errorf("a token for a wrong password: %d", status)
	}
}

func TestTheChallengeNamesWhatATokenIsNeededFor(t *testing.T) {
	err := guard(t, true).Check(by(""), registry.Need{Repo: "team/a", Right: registry.Pull}, registry.Need{Repo: "team/a", Right: registry.Store})
	want := `Bearer realm="http://registry.example/token",service="registry",scope="repository:team/a:pull,push"`
	if got := refusal.Of(err).Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestATokenThatIsChangedOldOrForAnotherIsRefused(t *testing.T) {
	tokens := &Tokens{Key: []byte("key"), Service: "registry"}
	now := time.Now()
	good := claims{Issuer: "registry", Subject: "ci", Audience: "registry", Issued: now.Unix(), Expires: now.Add(time.Minute).Unix()}
	signed := func(change func(*claims)) string {
		c := good
		change(&c)
		s, err := tokens.sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := tokens.verify(signed(func(*claims) {}), now); err != nil {
		t.Fatal(err)
	}
	valid := signed(func(*claims) {})
	none := encode([]byte(`{"alg":"none","typ":"JWT"}`)) + valid[strings.IndexByte(valid, '.'):]
	for what, token := range map[string]string{
		"expired":        signed(func(c *claims) { c.Expires = now.Add(-time.Second).Unix() }),
		"from later":     signed(func(c *claims) { c.Issued = now.Add(time.Hour).Unix() }),
		"for another":    signed(func(c *claims) { c.Audience = "other" }),
		"of another":     signed(func(c *claims) { c.Issuer = "other" }),
		"unsigned":       none,
		"cut":            valid[:len(valid)-2],
		"without a dot":  "abc",
		"empty":          "",
		"one dot":        "a.b",
		"another user's": strings.Replace(valid, "A", "B", 1),
	} {
		if c, err := tokens.verify(token, now); err == nil {
			t.Errorf("%s: taken as %+v", what, c)
		}
	}
}

func FuzzAScopeIsOneOfARepositoryOrTheCatalog(f *testing.F) {
	f.Add("repository:a/b:pull,push")
	f.Add("repository(plugin):a:*")
	f.Add("registry:catalog:*")
	f.Fuzz(func(t *testing.T, s string) {
		if g, ok := parseScope(s); ok && g.Type != "repository" && g.Type != "registry" {
			t.Errorf("%q became %+v", s, g)
		}
	})
}

func TestATokenOfNobodyIsDeniedWhatTheRulesDoNotGiveAndAskedForABetterOne(t *testing.T) {
	g := guard(t, true)
	got, _ := token(t, g, by(""))
	err := refusal.Of(g.Check(bearer(got), registry.Need{Repo: "team/a", Right: registry.Pull}))
	if err.Code != refusal.Denied || err.HTTP() != http.StatusUnauthorized || err.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%+v", err)
	}
}

func TestAMountAsksForATokenOfBothRepositories(t *testing.T) {
	g := guard(t, true)
	ask := by("ci")
	ask.URL.RawQuery = url.Values{"scope": {"repository:team/to:pull,push"}}.Encode()
	got, _ := token(t, g, ask)
	err := g.Check(bearer(got), registry.Need{Repo: "team/from", Right: registry.Pull}, registry.Need{Repo: "team/to", Right: registry.Pull}, registry.Need{Repo: "team/to", Right: registry.Store})
	want := `scope="repository:team/from:pull repository:team/to:pull,push"`
	if header := refusal.Of(err).Header.Get("WWW-Authenticate"); !refusal.Is(err, refusal.Unauthorized) || !strings.Contains(header, want) {
		t.Errorf("%v: %s", err, header)
	}
}

func FuzzAFileOfPasswordsHasNamesAndHashesOrIsRefused(f *testing.F) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("ci:" + string(hash) + "\n# and\n\n other:" + string(hash))
	f.Add("ci:{SHA}x")
	f.Add(":$2y$05$")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parsePasswords([]byte(text))
		if err != nil && found != nil && !errors.Is(err, bufio.ErrTooLong) {
			t.Errorf("%q is refused and read", text)
		}
		for user, hash := range found {
			if _, err := bcrypt.Cost(hash); err != nil || user == "" || strings.ContainsAny(user, ":\n") {
				t.Errorf("%q has the user %q with %q", text, user, hash)
			}
		}
	})
}

func FuzzOnlyATokenThatWasSignedIsTaken(f *testing.F) {
	now := time.Unix(1_000_000, 0)
	tokens := &Tokens{Key: []byte("of this test"), Service: "here"}
	signed, err := tokens.sign(claims{Issuer: "here", Audience: "here", Subject: "ci", Issued: now.Unix(), Expires: now.Unix() + 60})
	if err != nil {
		f.Fatal(err)
	}
	text := signed[:strings.LastIndexByte(signed, '.')]
	none := strings.Replace(signed, encode([]byte(header)), encode([]byte(`{"alg":"none"}`)), 1)
	for _, token := range []string{signed, text + ".", none, "..", "", signed + ".x"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := tokens.verify(token, now)
		if err == nil && (!strings.HasPrefix(token, text+".") || c.Subject != "ci") {
			t.Errorf("%q is taken for %+v", token, c)
		}
	})
}
