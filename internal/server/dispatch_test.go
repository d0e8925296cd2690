package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/internal/fault"

	"github.com/moby/moby/api/types/common"
)

func message(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body common.ErrorResponse
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return body.Message
}

func TestVersionsOutsideTheRangeAreRefusedInDockersWords(t *testing.T) {
	for version, want := range map[string]string{
		"1.20": "client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
		"0.9":  "client version 0.9 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
		"1.99": "client version 1.99 is too new. Maximum supported API version is 1.56",
		"2.0":  "client version 2.0 is too new. Maximum supported API version is 1.56",
	} {
		w := ask(&fake{}, "GET", "/v"+version+"/version", "")
		if w.Code != 400 || message(t, w) != want {
			t.Errorf("%s: %d %s", version, w.Code, message(t, w))
		}
	}
	for _, prefix := range []string{"", "/v1.24", "/v1.56"} {
		if w := ask(&fake{}, "GET", prefix+"/_ping", ""); w.Code != 200 || w.Body.String() != "OK" {
			t.Errorf("%s/_ping: %d %s", prefix, w.Code, w.Body)
		}
	}
}

func TestUnknownPathsAndWrongMethodsAreNotFound(t *testing.T) {
	for _, r := range []string{"GET /nope", "GET /v1.44/nope", "GET /", "PATCH /containers/json", "HEAD /version", "POST /version",
		"GET /containers/x", "DELETE /containers/", "GET /vx.y/version", "GET /images//json", "GET /v1.44", "GET /v/version"} {
		method, path, _ := strings.Cut(r, " ")
		w := ask(&fake{}, method, path, "")
		if w.Code != 404 {
			t.Errorf("%s answers %d", r, w.Code)
		}
		if method != "HEAD" && message(t, w) != "page not found" {
			t.Errorf("%s says %s", r, w.Body)
		}
	}
}

func TestOptionsOfAnythingAreAnsweredWithNothing(t *testing.T) {
	for _, path := range []string{"/v1.41/version", "/nope", "/containers/x/stop"} {
		if w := ask(&fake{}, "OPTIONS", path, ""); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Api-Version") == "" {
			t.Errorf("%s answers %d %q %v", path, w.Code, w.Body, w.Header())
		}
	}
}

func TestEveryAnswerCarriesTheHeadersOfTheEngine(t *testing.T) {
	for _, path := range []string{"/_ping", "/v1.20/version", "/nope", "/containers/none/json"} {
		w := ask(&fake{}, "GET", path, "")
		for key, want := range map[string]string{"Api-Version": "1.56", "Ostype": "linux", "Server": "berth/0.1.0 (linux)", "Docker-Experimental": "false"} {
			if got := w.Header().Get(key); got != want {
				t.Errorf("%s: %s is %q", path, key, got)
			}
		}
	}
}

func TestPingOfHeadHasHeadersAndNoBody(t *testing.T) {
	w := ask(&fake{}, "HEAD", "/_ping", "")
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Swarm") != "inactive" || !strings.Contains(w.Header().Get("Cache-Control"), "no-cache") {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestImageNamesMayHoldSlashes(t *testing.T) {
	f := &fake{}
	w := ask(f, "POST", "/v1.44/images/reg.example:5000/a/b@sha256:00/tag?repo=reg/x/y&tag=v1", "")
	if w.Code != 201 || f.seen() != "tag reg.example:5000/a/b@sha256:00 reg/x/y:v1" {
		t.Errorf("%d %s %s", w.Code, w.Body, f.seen())
	}
}

func TestKindsOfErrorsHaveTheirStatus(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.NotFound: 404, fault.Conflict: 409, fault.NotModified: 304, fault.Unauthorized: 401,
		fault.Forbidden: 403, fault.Unavailable: 503, fault.Unsupported: 501, fault.Cancelled: 499,
	} {
		w := ask(&fake{failWith: fault.New(kind, "because")}, "POST", "/containers/x/start", "")
		if w.Code != want {
			t.Errorf("kind %d answers %d", kind, w.Code)
		}
		if want == http.StatusNotModified {
			if w.Body.Len() != 0 {
				t.Error("304 has a body")
			}
		} else if message(t, w) != "because" {
			t.Errorf("kind %d says %s", kind, w.Body)
		}
	}
}

func TestBadJSONIsRefusedInDockersWords(t *testing.T) {
	for _, c := range []struct{ body, kind, want string }{
		{"", "application/json", "invalid JSON: got EOF while reading request body"},
		{"{", "application/json", "invalid JSON: unexpected EOF"},
		{"nonsense", "application/json", "invalid JSON: invalid character 'o' in literal null (expecting 'u')"},
		{`{"Image":"x"} {}`, "application/json", "unexpected content after JSON"},
		{`{"Image":7}`, "application/json", "invalid JSON: json: cannot unmarshal number into Go struct field"},
		{`{"Image":"x","HostConfig":{"Memory":"1g"}}`, "application/json", "invalid JSON: json: cannot unmarshal string into Go struct field"},
		{`{}`, "application/json", "config cannot be empty in order to create a container"},
		{`{"Image":"x"}`, "text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"},
		{`{"Image":"x"}`, "a b", "malformed Content-Type header (a b): "},
	} {
		r := httptest.NewRequest("POST", "/containers/create", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		w := httptest.NewRecorder()
		newServer(&fake{}).ServeHTTP(w, r)
		if w.Code != 400 || !strings.HasPrefix(message(t, w), c.want) {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
	}
}

func TestVerbsReachTheirService(t *testing.T) {
	for _, c := range []struct {
		method, target, body string
		code                 int
		call                 string
	}{
		{"POST", "/containers/x/start", "", 204, "start x"},
		{"POST", "/containers/x/start", `{"Binds":["/a:/b"]}`, 400, ""},
		{"POST", "/containers/x/start?checkpoint=1", "", 501, ""},
		{"POST", "/containers/x/stop?t=3&signal=INT", "", 204, "stop x"},
		{"POST", "/containers/x/stop?t=soon", "", 400, ""},
		{"POST", "/containers/x/kill?signal=HUP", "", 204, "kill x HUP"},
		{"DELETE", "/containers/x?force=1&v=true", "", 204, "remove x force volumes"},
		{"DELETE", "/containers/x?force=0&v=none", "", 204, "remove x"},
		{"DELETE", "/containers/x?link=1", "", 204, "unlink x"},
		{"POST", "/containers/x/pause", "", 204, "pause x"},
		{"POST", "/containers/x/unpause", "", 204, "unpause x"},
		{"POST", "/containers/x/restart?t=3&signal=INT", "", 204, "restart x INT 3"},
		{"POST", "/v1.41/containers/x/restart?signal=INT", "", 204, "restart x"},
		{"POST", "/containers/x/restart?t=soon", "", 400, ""},
		{"POST", "/containers/x/rename?name=y", "", 204, "rename x y"},
		{"POST", "/containers/x/rename", "", 204, "rename x "},
		{"POST", "/containers/prune", "", 200, "prune"},
		{"POST", "/containers/prune?filters=%7B%22odd%22:%5B%22x%22%5D%7D", "", 400, ""},
		{"POST", "/containers/x/resize?h=24&w=80", "", 200, "resize x"},
		{"POST", "/containers/x/resize?h=-1&w=80", "", 400, ""},
		{"POST", "/exec/e/resize?h=24&w=80", "", 200, "resize exec e"},
		{"POST", "/containers/x/exec", `{"Cmd":["ls"]}`, 201, "exec create x"},
		{"POST", "/containers/x/exec", `{"Cmd":[]}`, 400, ""},
		{"POST", "/exec/e/start", `{"Detach":true}`, 200, "exec start e"},
		{"DELETE", "/images/a/b", "", 200, "remove image a/b"},
		{"POST", "/images/create?fromImage=x&tag=1", "", 200, "pull x 1"},
		{"POST", "/images/create", "", 400, ""},
		{"POST", "/images/a/tag", "", 400, ""},
		{"POST", "/containers/x/wait?condition=odd", "", 400, ""},
		{"GET", "/containers/x/logs", "", 400, ""},
		{"GET", "/containers/x/logs?stdout=1&since=soon", "", 400, ""},
		{"GET", "/containers/json?filters=%7B%22odd%22:%5B%22x%22%5D%7D", "", 400, ""},
		{"GET", "/containers/json?filters=%7B", "", 400, ""},
		{"GET", "/images/json?filters=%7B%22odd%22:%5B%22x%22%5D%7D", "", 400, ""},
	} {
		f := &fake{}
		w := ask(f, c.method, c.target, c.body)
		if w.Code != c.code || f.seen() != c.call {
			t.Errorf("%s %s: %d %s, called %q", c.method, c.target, w.Code, w.Body, f.seen())
		}
	}
}

func TestStopTakesItsSignalFromVersion142On(t *testing.T) {
	for version, want := range map[string]string{"/v1.41": "", "/v1.42": "INT", "": "INT"} {
		f := &fake{}
		ask(f, "POST", version+"/containers/x/stop?t=-1&signal=INT", "")
		if f.stop.Signal != want || f.stop.Timeout == nil || *f.stop.Timeout != -1 {
			t.Errorf("%s: %+v", version, f.stop)
		}
	}
}

func TestAnswersHaveAngleBracketsAndAmpersandsAsTheyAre(t *testing.T) {
	w := httptest.NewRecorder()
	writeError(w, fault.New(fault.NotFound, "No such container: n&<o>pe"))
	if got := w.Body.String(); got != "{\"message\":\"No such container: n&<o>pe\"}\n" {
		t.Errorf("%q", got)
	}
}

func TestASecondNameEndsThePathAndHoldsNoSlash(t *testing.T) {
	d := newDispatcher([]route{
		{method: "DELETE", path: "/volumes/{name}"},
		{method: "DELETE", path: "/volumes/{name}/snapshots/{snapshot}"},
	})
	for path, want := range map[string][3]string{
		"/volumes/a":                        {"/volumes/{name}", "a", ""},
		"/volumes/a/snapshots/b":            {"/volumes/{name}/snapshots/{snapshot}", "a", "b"},
		"/volumes/a/snapshots/":             {"/volumes/{name}", "a/snapshots/", ""},
		"/volumes//snapshots/b":             {"/volumes/{name}", "/snapshots/b", ""},
		"/volumes/a/snapshots/b/c":          {"/volumes/{name}", "a/snapshots/b/c", ""},
		"/volumes/snapshots/x/snapshots/yy": {"/volumes/{name}/snapshots/{snapshot}", "snapshots/x", "yy"},
	} {
		r, name, part := d.find("DELETE", path)
		if r == nil || r.path != want[0] || name != want[1] || part != want[2] {
			t.Errorf("%s: %+v %q %q", path, r, name, part)
		}
	}
}
