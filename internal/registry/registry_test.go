package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"
	"berth/internal/registry/store"

	"github.com/opencontainers/go-digest"
)

// client talks to a server without a network.
type client struct {
	t *testing.T
	h http.Handler
}

func newClient(t *testing.T, change func(*registry.Options)) client {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o := registry.Options{Content: s, Intake: s, Changes: s, Failed: func(_ *http.Request, err error) { t.Error(err) }}
	if change != nil {
		change(&o)
	}
	return client{t, registry.New(o)}
}

func (c client) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w
}

// wants does it and compares the status and, for a refusal, the code.
func (c client) wants(status int, code refusal.Code, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	w := c.do(method, path, body, headers...)
	if w.Code != status || code != "" && !strings.Contains(w.Body.String(), `"code":"`+string(code)+`"`) {
		c.t.Errorf("%s %.100s: %d %.300s; want %d %s", method, path, w.Code, w.Body, status, code)
	}
	return w
}

func (c client) blob(repo, content string) digest.Digest {
	c.t.Helper()
	d := digest.FromString(content)
	c.wants(201, "", "POST", "/v2/"+repo+"/blobs/uploads/?digest="+d.String(), content)
	return d
}

func manifest(config digest.Digest, more string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"type/config","digest":%q,"size":2},"layers":[]%s}`, grammar.OCIManifest, config, more)
}

func TestAManifestOfFourMebibytesIsTakenAndNotMore(t *testing.T) {
	c := newClient(t, nil)
	config := c.blob("a", "{}")
	for pad, status := range map[int]int{4<<20 - 300: 201, 4 << 20: 413} {
		body := manifest(config, `,"annotations":{"k":"`+strings.Repeat("x", pad)+`"}`)
		code := refusal.Code("")
		if status == 413 {
			code = refusal.SizeInvalid
		}
		c.wants(status, code, "PUT", "/v2/a/manifests/1", body, "Content-Type: "+grammar.OCIManifest)
	}
}

func TestReferrersAreFilteredByType(t *testing.T) {
	c := newClient(t, nil)
	subject := digest.FromString("a subject that may never come")
	for i := range 3 {
		about := fmt.Sprintf(`,"artifactType":"type/%d","subject":{"digest":%q,"size":1}`, i%2, subject)
		w := c.wants(201, "", "PUT", fmt.Sprint("/v2/a/manifests/t", i), manifest(c.blob("a", fmt.Sprint(i)), about), "Content-Type: "+grammar.OCIManifest)
		if got := w.Header().Get("OCI-Subject"); got != subject.String() {
			t.Errorf("OCI-Subject is %q", got)
		}
	}
	w := c.wants(200, "", "GET", "/v2/a/referrers/"+subject.String(), "")
	if n := strings.Count(w.Body.String(), `"artifactType":`); n != 3 || w.Header().Get("OCI-Filters-Applied") != "" {
		t.Errorf("%d, and the filters are %q", n, w.Header().Get("OCI-Filters-Applied"))
	}
	w = c.wants(200, "", "GET", "/v2/a/referrers/"+subject.String()+"?artifactType=type/1", "")
	if n := strings.Count(w.Body.String(), `"artifactType":"type/1"`); n != 1 || w.Header().Get("OCI-Filters-Applied") != "artifactType" {
		t.Errorf("%d of a type, and the filters are %q", n, w.Header().Get("OCI-Filters-Applied"))
	}
	if w := c.wants(200, "", "GET", "/v2/nothing/referrers/"+subject.String(), ""); !strings.Contains(w.Body.String(), `"manifests":[]`) {
		t.Errorf("of what is not there: %s", w.Body)
	}
}

func TestTagsAndTheCatalogueComeInPages(t *testing.T) {
	c := newClient(t, nil)
	for _, repo := range []string{"b", "a", "a/b"} {
		body := manifest(c.blob(repo, "{}"), "")
		c.wants(201, "", "PUT", "/v2/"+repo+"/manifests/"+digest.FromString(body).String()+"?tag=x&tag=Y&tag=z", body)
	}
	for path, want := range map[string][2]string{
		"/v2/a/tags/list":            {`{"name":"a","tags":["Y","x","z"]}`, ""},
		"/v2/a/tags/list?n=2":        {`{"name":"a","tags":["Y","x"]}`, `</v2/a/tags/list?last=x&n=2>; rel="next"`},
		"/v2/a/tags/list?n=2&last=x": {`{"name":"a","tags":["z"]}`, ""},
		"/v2/a/tags/list?n=0":        {`{"name":"a","tags":[]}`, ""},
		"/v2/_catalog?n=2":           {`{"repositories":["a","a/b"]}`, `</v2/_catalog?last=a%2Fb&n=2>; rel="next"`},
		"/v2/_catalog?last=a/b":      {`{"repositories":["b"]}`, ""},
	} {
		w := c.wants(200, "", "GET", path, "")
		if got := strings.TrimSpace(w.Body.String()); got != want[0] || w.Header().Get("Link") != want[1] {
			t.Errorf("%s: %s %s", path, got, w.Header().Get("Link"))
		}
	}
}

func TestARegistryThatTakesNothingSaysSo(t *testing.T) {
	c := newClient(t, func(o *registry.Options) { o.Intake, o.Changes, o.ReadOnly = nil, nil, "It is so." })
	for _, request := range []string{"POST /v2/a/blobs/uploads/", "PUT /v2/a/manifests/1", "DELETE /v2/a/manifests/1", "DELETE /v2/a/blobs/" + digest.FromString("").String(), "PATCH /v2/a/blobs/uploads/" + strings.Repeat("0", 32)} {
		method, path, _ := strings.Cut(request, " ")
		if w := c.wants(405, refusal.Unsupported, method, path, ""); !strings.Contains(w.Body.String(), "It is so.") {
			t.Errorf("%s", w.Body)
		}
	}
}

func TestAMethodThatIsNotThereNamesThoseThatAre(t *testing.T) {
	w := newClient(t, nil).wants(405, refusal.Unsupported, "PATCH", "/v2/a/manifests/1", "")
	if got := w.Header().Get("Allow"); got != "GET, HEAD, PUT, DELETE" {
		t.Errorf("Allow: %s", got)
	}
}

// rights is a guard by what is written down.
type rights map[registry.Need]bool

func (g rights) Check(_ *http.Request, need ...registry.Need) error {
	for _, n := range need {
		if !g[n] {
			return refusal.New(refusal.Denied, "not %v", n)
		}
	}
	return nil
}

func (g rights) Open() bool { return false }

func TestABlobIsMountedOnlyByWhoMayReadItWhereItIs(t *testing.T) {
	g := rights{}
	for _, repo := range []string{"from", "to", "secret"} {
		g[registry.Need{Repo: repo, Right: registry.Pull}], g[registry.Need{Repo: repo, Right: registry.Store}] = true, true
	}
	c := newClient(t, func(o *registry.Options) { o.Guard = g })
	open, secret := c.blob("from", "open"), c.blob("secret", "secret")
	delete(g, registry.Need{Repo: "secret", Right: registry.Pull})
	for query, status := range map[string]int{
		"from=from&mount=" + open.String():                           201,
		"from=secret&mount=" + secret.String():                       202,
		"mount=" + secret.String():                                   202, // from anywhere
		"from=from&mount=" + secret.String():                         202,
		"from=../x&mount=" + open.String():                           202,
		"from=from&mount=" + digest.FromString("not there").String(): 202,
	} {
		c.wants(status, "", "POST", "/v2/to/blobs/uploads/?"+query, "")
	}
	c.wants(403, refusal.Denied, "POST", "/v2/other/blobs/uploads/", "")
	c.wants(403, refusal.Denied, "DELETE", "/v2/to/blobs/"+open.String(), "")
	c.wants(403, refusal.Denied, "GET", "/v2/_catalog", "")
}

// broken is a storage whose disk has failed.
type broken struct{ registry.Content }

func (broken) Manifest(_ context.Context, _ string, _ grammar.Reference) (registry.Manifest, error) {
	return registry.Manifest{}, errors.New("/srv/secret/path: input/output error")
}

func TestAFailureOfOursIsLoggedAndNotTold(t *testing.T) {
	var logged error
	c := newClient(t, func(o *registry.Options) {
		o.Content = broken{o.Content}
		o.Failed = func(_ *http.Request, err error) { logged = err }
	})
	w := c.wants(500, refusal.Unknown, "GET", "/v2/a/manifests/1", "")
	if strings.Contains(w.Body.String(), "secret") || logged == nil {
		t.Errorf("told %s, logged %v", w.Body, logged)
	}
}

func TestABlobIsReadInParts(t *testing.T) {
	c := newClient(t, nil)
	d := c.blob("a", "0123456789")
	for header, want := range map[string]struct {
		status    int
		body, had string
	}{
		"bytes=2-4": {206, "234", "bytes 2-4/10"}, "bytes=8-": {206, "89", "bytes 8-9/10"}, "bytes=-3": {206, "789", "bytes 7-9/10"},
		"bytes=5-50": {206, "56789", "bytes 5-9/10"}, "bytes=10-": {416, "", "bytes */10"}, "bytes=4-2": {416, "", ""},
	} {
		w := c.do("GET", "/v2/a/blobs/"+d.String(), "", "Range: "+header)
		if w.Code != want.status || want.status == 206 && w.Body.String() != want.body || w.Header().Get("Content-Range") != want.had {
			t.Errorf("%s: %d %q %s", header, w.Code, w.Body, w.Header().Get("Content-Range"))
		}
	}
	if w := c.do("GET", "/v2/a/blobs/"+d.String(), "", `If-None-Match: "`+d.String()+`"`); w.Code != 304 {
		t.Errorf("what the client has: %d", w.Code)
	}
}
