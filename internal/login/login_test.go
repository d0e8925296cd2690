package login

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"berth/internal/fault"
)

// registry answers /v2/ and /token in one of the ways in which registries do.
func registry(t *testing.T, way string) (host string) {
	t.Helper()
	var base string
	send := func(w http.ResponseWriter, code int, body any) {
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(body)
	}
	wrong := map[string]any{"errors": []map[string]string{{"code": "UNAUTHORIZED", "message": "incorrect username or password"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		user, password, basic := r.BasicAuth()
		switch {
		case way == "open" || r.Header.Get("Authorization") == "Bearer T1" || way == "basic" && basic && user == "u" && password == "p":
			return
		case way == "away":
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case way == "basic":
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		case way == "elsewhere":
			w.Header().Set("WWW-Authenticate", `Bearer realm="file:///etc/passwd",service="svc"`)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+base+`/token",service="svc"`)
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		good := user == "u" && password == "p" && r.FormValue("account") == "u" && r.FormValue("offline_token") == "true"
		good = good || r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") == "idtok"
		switch {
		case r.FormValue("service") != "svc" || r.FormValue("client_id") != "docker":
			send(w, 400, nil)
		case way == "no token":
			send(w, 200, struct{}{})
		case good:
			send(w, 200, map[string]string{"token": "T1", "refresh_token": "idtok"})
		case way == "broken":
			send(w, 500, wrong)
		case way == "silent":
			w.WriteHeader(401)
		case way == "details":
			send(w, 401, map[string]string{"details": "incorrect username or password"})
		default:
			send(w, 401, wrong)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	base = s.URL
	return strings.TrimPrefix(s.URL, "http://")
}

// The sentences are those of Debian's docker.io before the same registries.
func TestALoginSucceedsOrFailsInDockersWords(t *testing.T) {
	good, bad := Credentials{Username: "u", Password: "p"}, Credentials{Username: "u", Password: "bad"}
	for _, c := range []struct {
		way      string
		who      Credentials
		identity string
		err      string
		kind     fault.Kind
	}{
		{"token", good, "idtok", "", 0},
		{"token", Credentials{Username: "<token>", IdentityToken: "idtok"}, "idtok", "", 0},
		{"token", Credentials{IdentityToken: "old"}, "", `Get "http://HOST/v2/": unauthorized: incorrect username or password`, fault.Unauthorized},
		{"token", bad, "", `Get "http://HOST/v2/": unauthorized: incorrect username or password`, fault.Unauthorized},
		{"details", bad, "", `Get "http://HOST/v2/": unauthorized: incorrect username or password`, fault.Unauthorized},
		{"silent", bad, "", `Get "http://HOST/v2/": unauthorized: authentication required`, fault.Unauthorized},
		{"broken", bad, "", `Get "http://HOST/v2/": received unexpected HTTP status: 500 Internal Server Error`, fault.Internal},
		{"no token", good, "", `Get "http://HOST/v2/": authorization server did not include a token in the response`, fault.Internal},
		{"elsewhere", good, "", `Get "http://HOST/v2/": invalid token auth challenge realm: "file:///etc/passwd"`, fault.Internal},
		{"open", bad, "", "", 0},
		{"basic", good, "", "", 0},
		{"basic", bad, "", "login attempt to http://HOST/v2/ failed with status: 401 Unauthorized", fault.Unauthorized},
		{"basic", Credentials{}, "", "login attempt to http://HOST/v2/ failed with status: 401 Unauthorized", fault.Unauthorized},
		{"away", good, "", "login attempt to http://HOST/v2/ failed with status: 503 Service Unavailable", fault.Internal},
	} {
		host := registry(t, c.way)
		c.who.ServerAddress = host
		identity, err := New("test").Login(context.Background(), c.who)
		text := ""
		if err != nil {
			text = strings.ReplaceAll(err.Error(), host, "HOST")
		}
		if identity != c.identity || text != c.err || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s, %+v: %q, %v (%v)", c.way, c.who, identity, text, fault.KindOf(err))
		}
	}
}

func TestARegistryThatIsNotThereIsNamed(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(s.URL, "http://")
	s.Close()
	_, err := New("test").Login(context.Background(), Credentials{ServerAddress: host})
	if want := fmt.Sprintf(`Get "http://%s/v2/": dial tcp %s: connect: connection refused`, host, host); err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestOnlyARegistryOfThisHostNeedNotProveWhoItIs(t *testing.T) {
	for address, want := range map[string]string{
		"": "https://registry-1.docker.io/v2/", "https://index.docker.io/v1/": "https://registry-1.docker.io/v2/", "docker.io": "https://registry-1.docker.io/v2/",
		"example.org:5000": "https://example.org:5000/v2/", "http://example.org/x": "https://example.org/v2/",
		"localhost:5000": "https://localhost:5000/v2/ http://localhost:5000/v2/", "127.1.2.3": "https://127.1.2.3/v2/ http://127.1.2.3/v2/", "[::1]:5000": "https://[::1]:5000/v2/ http://[::1]:5000/v2/",
		"http://a b/": `unable to parse server address: parse "http://a b/": invalid character " " in host name`,
	} {
		host, err := hostOf(address)
		var got []string
		if err != nil {
			got = []string{err.Error()}
		} else {
			c := New("test")
			for _, e := range c.endpoints(host) {
				got = append(got, e.url)
				if believes := e.http == c.secure; believes == local(host) {
					t.Errorf("%s: certificates are looked at: %v", address, believes)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}

func TestChallengesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string][]challenge{
		`Bearer realm="https://auth/token",service="a, b",scope="x=\"y\""`: {{"bearer", map[string]string{"realm": "https://auth/token", "service": "a, b", "scope": `x="y"`}}},
		`Basic realm=x, Bearer realm=y`:                                    {{"basic", map[string]string{"realm": "x"}}, {"bearer", map[string]string{"realm": "y"}}},
		`Negotiate`:                                                        {{"negotiate", map[string]string{}}},
		` ,`:                                                               nil,
	} {
		if got := challenges(http.Header{"Www-Authenticate": {text}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzAnyChallengeCanBeRead(f *testing.F) {
	f.Add(`Bearer realm="https://auth/token",service="a\`)
	f.Add(`=,="`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, ch := range challenges(http.Header{"Www-Authenticate": {text}}) {
			if ch.scheme == "" {
				t.Errorf("%q", text)
			}
		}
	})
}
