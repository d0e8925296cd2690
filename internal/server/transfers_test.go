package server

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/image/transfer"
	"berth/internal/remote"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fakeTransfers tells what it is asked for, and a little progress.
type fakeTransfers struct{ *fake }

func (f fakeTransfers) Pull(_ context.Context, o image.PullOptions, tell transfer.Tell) ([]string, error) {
	err := f.note("pull", o.Name, o.Tag+o.Platform+o.Who.Username+o.Who.Password+o.Who.IdentityToken+o.Who.RegistryToken)
	if o.Name == "gone" {
		return nil, fault.New(fault.NotFound, "manifest for gone:latest not found: manifest unknown: manifest unknown")
	}
	tell(transfer.Message{ID: o.Tag, Status: "Pulling from " + o.Name})
	tell(transfer.Message{ID: "abc", Status: "Pulling fs layer", Layer: true})
	tell(transfer.Message{ID: "abc", Status: "Downloading", Layer: true, Current: 1, Total: 2})
	return nil, err
}

func (f fakeTransfers) Push(_ context.Context, o image.PushOptions, tell transfer.Tell) ([]string, error) {
	words := []string{"push", o.Name, o.Tag}
	if o.Platform != nil {
		words = append(words, o.Platform.Architecture)
	}
	tell(transfer.Message{Layer: true, Aux: image.Pushed{Tag: "1", Digest: "sha256:d", Size: 3}})
	return nil, f.note(words...)
}

func (f fakeTransfers) Lookup(_ context.Context, name string, _ remote.Credentials) (ocispec.Descriptor, []ocispec.Platform, error) {
	return ocispec.Descriptor{MediaType: "m", Digest: digest.Digest("sha256:d"), Size: 3}, []ocispec.Platform{{OS: "linux", Architecture: "arm64"}}, f.note("lookup", name)
}

func (f fakeTransfers) Search(_ context.Context, term string, limit int, _ remote.Credentials) ([]remote.Found, error) {
	return []remote.Found{{Name: "a", Stars: 3, Official: true}, {Name: "b", Stars: 30}}, f.note("search", term)
}

func TestPullAndPushStreamWhatGoesOn(t *testing.T) {
	for _, c := range []struct {
		target, auth string
		fail         error
		status       int
		calls, body  string
	}{
		{"/images/create?fromImage=x&tag=1&platform=linux/arm64", "", nil, 200, "pull x 1linux/arm64", `{"status":"Pulling from x","id":"1"}
{"status":"Pulling fs layer","progressDetail":{},"id":"abc"}
{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"abc"}
`},
		{"/images/create?fromImage=x", "", fault.New(fault.Internal, "broken"), 200, "pull x ", `{"status":"Pulling from x"}
{"status":"Pulling fs layer","progressDetail":{},"id":"abc"}
{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"abc"}
{"errorDetail":{"message":"broken"},"error":"broken"}
`},
		{"/images/create?fromImage=gone", "", nil, 404, "pull gone ", `{"message":"manifest for gone:latest not found: manifest unknown: manifest unknown"}` + "\n"},
		{"/images/create?fromImage=x@sha256:d", `{"username":"u","password":"p"}`, nil, 200, "pull x sha256:dup", ""},
		{"/images/create?fromImage=x&tag=t", `{"identitytoken":"i"}`, nil, 200, "pull x ti", ""},
		{"/images/create?fromImage=x&tag=t", `{"registrytoken":"r"}`, nil, 200, "pull x tr", ""},
		{"/images/create?fromImage=x&tag=t", `{"auth":"dTpw"}`, nil, 200, "pull x tup", ""},
		{"/images/create?fromImage=x&tag=t", `broken`, nil, 200, "pull x t", ""},
		{"/images/a/b/push?tag=1", "", nil, 200, "push a/b 1", `{"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:d","Size":3}}` + "\n"},
		{"/v1.46/images/a/b/push?tag=1&platform=%7B%22os%22:%22linux%22,%22architecture%22:%22arm64%22%7D", "", nil, 200, "push a/b 1 arm64", ""},
		{"/v1.45/images/a/b/push?tag=1&platform=%7B%22os%22:%22linux%22,%22architecture%22:%22arm64%22%7D", "", nil, 200, "push a/b 1", ""},
	} {
		f := &fake{failWith: c.fail}
		r := httptest.NewRequest("POST", c.target, http.NoBody)
		if c.auth != "" {
			r.Header.Set("X-Registry-Auth", base64.URLEncoding.EncodeToString([]byte(c.auth)))
		}
		w := httptest.NewRecorder()
		newServer(f).Handler().ServeHTTP(w, r)
		if w.Code != c.status || f.seen() != c.calls || c.body != "" && strings.ReplaceAll(w.Body.String(), "\r\n", "\n") != c.body {
			t.Errorf("%s: %d, %s\n%s", c.target, w.Code, f.seen(), w.Body)
		}
	}
}

func TestASearchIsFiltered(t *testing.T) {
	for query, want := range map[string]string{
		"term=x": "ab", `term=x&filters={"is-official":["true"]}`: "a", `term=x&filters={"is-official":["false"]}`: "b",
		`term=x&filters={"stars":["5","20"]}`: "b", `term=x&filters={"is-automated":["true"]}`: "", `term=x&filters={"is-automated":["false"]}`: "ab",
	} {
		w := ask(&fake{}, "GET", "/images/search?"+strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(query), "")
		got := ""
		for _, name := range []string{"a", "b"} {
			if strings.Contains(w.Body.String(), `"name":"`+name+`"`) {
				got += name
			}
		}
		if w.Code != 200 || got != want {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for _, query := range []string{"term=x&limit=many", `term=x&filters=%7B%22stars%22:%5B%22a%22%5D%7D`, `term=x&filters=%7B%22color%22:%5B%22a%22%5D%7D`} {
		if w := ask(&fake{}, "GET", "/images/search?"+query, ""); w.Code != 400 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestALookupTellsDescriptorAndPlatforms(t *testing.T) {
	w := ask(&fake{}, "GET", "/distribution/a/b:1/json", "")
	if want := `{"Descriptor":{"mediaType":"m","digest":"sha256:d","size":3},"Platforms":[{"architecture":"arm64","os":"linux"}]}`; w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
