//go:build linux

package registry

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"berth/test/harness"
)

// step is a request that both registries get. The path may have $LOCATION, where
// the last upload goes on, and $DIGEST, of the body.
type step struct {
	method, path, body string
	headers            []string
	// differs says why ours answers something else than the peer, and ours then is
	// what it answers.
	differs, ours string
}

const (
	schema2 = "Content-Type: application/vnd.docker.distribution.manifest.v2+json"
	ociType = "Content-Type: application/vnd.oci.image.manifest.v1+json"
	none    = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// imageOf is a manifest with one blob for everything.
func imageOf(content string) string {
	blob := fmt.Sprintf(`{"mediaType":"application/octet-stream","size":%d,"digest":%q}`, len(content), digestOf(content))
	return `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":` + blob + `,"layers":[` + blob + `]}`
}

func steps() []step {
	image := imageOf("content")
	return []step{
		{method: "GET", path: "/v2/"},
		{method: "GET", path: "/v2/a/tags/list"},
		{method: "GET", path: "/v2/a/manifests/latest"},
		{method: "GET", path: "/v2/a/blobs/" + none},
		{method: "HEAD", path: "/v2/a/blobs/" + none},
		{method: "GET", path: "/v2/a/blobs/sha256:abc"},
		{method: "GET", path: "/v2/A/manifests/latest", differs: "the peer has no such path; the name is wrong", ours: "400 NAME_INVALID"},
		{method: "POST", path: "/v2/a/blobs/uploads/"},
		{method: "GET", path: "$LOCATION"},
		{method: "PATCH", path: "$LOCATION", body: "cont", headers: []string{"Content-Type: application/octet-stream"}},
		{method: "GET", path: "$LOCATION"},
		{method: "PATCH", path: "$LOCATION", body: "ent", headers: []string{"Content-Range: 4-6", "Content-Type: application/octet-stream"}},
		{method: "PUT", path: "$LOCATION"},
		{method: "PUT", path: "$LOCATION&digest=" + digestOf("content")},
		{method: "GET", path: "/v2/a/blobs/" + digestOf("content")},
		{method: "HEAD", path: "/v2/a/blobs/" + digestOf("content")},
		{method: "GET", path: "/v2/a/blobs/" + digestOf("content"), headers: []string{"Range: bytes=1-3"}},
		{method: "GET", path: "/v2/a/blobs/" + digestOf("content"), headers: []string{"Range: bytes=100-"}},
		{method: "GET", path: "/v2/b/blobs/" + digestOf("content")},
		{method: "POST", path: "/v2/b/blobs/uploads/?from=a&mount=" + digestOf("content")},
		{method: "GET", path: "/v2/b/blobs/" + digestOf("content")},
		{method: "POST", path: "/v2/b/blobs/uploads/?from=a&mount=" + none},
		{method: "PATCH", path: "$LOCATION", body: "xx", headers: []string{"Content-Range: 9-10", "Content-Type: application/octet-stream"}, differs: "the peer writes what is not there as if it were", ours: "416 RANGE_INVALID"},
		{method: "DELETE", path: "$LOCATION"},
		{method: "GET", path: "$LOCATION"},
		{method: "POST", path: "/v2/a/blobs/uploads/?digest=" + digestOf("whole"), body: "whole", differs: "the peer starts an upload and drops the body", ours: "201"},
		{method: "POST", path: "/v2/a/blobs/uploads/"},
		{method: "PUT", path: "$LOCATION&digest=" + none, body: "other"},
		{method: "PUT", path: "/v2/a/manifests/latest", body: image, headers: []string{schema2}},
		{method: "GET", path: "/v2/a/manifests/latest", headers: []string{"Accept: application/vnd.docker.distribution.manifest.v2+json"}},
		{method: "HEAD", path: "/v2/a/manifests/latest", headers: []string{"Accept: application/vnd.docker.distribution.manifest.v2+json"}},
		{method: "GET", path: "/v2/a/manifests/" + digestOf(image), headers: []string{"Accept: application/vnd.docker.distribution.manifest.v2+json"}},
		{method: "GET", path: "/v2/a/manifests/" + none},
		{method: "PUT", path: "/v2/a/manifests/" + none, body: image, headers: []string{schema2}},
		{method: "PUT", path: "/v2/a/manifests/x", body: imageOf("not there"), headers: []string{schema2}, differs: "the specification has 404 for what is not there", ours: "404 MANIFEST_BLOB_UNKNOWN"},
		{method: "PUT", path: "/v2/a/manifests/x", body: "{", headers: []string{schema2}},
		{method: "PUT", path: "/v2/a/manifests/x", body: image, headers: []string{"Content-Type: text/plain"}},
		{method: "PUT", path: "/v2/a/manifests/x", body: image, headers: []string{ociType}},
		{method: "PUT", path: "/v2/a/manifests/.x", body: image, headers: []string{schema2}, differs: "the peer has no such path; the tag is wrong", ours: "400 TAG_INVALID"},
		{method: "GET", path: "/v2/a/tags/list"},
		{method: "GET", path: "/v2/_catalog", differs: "the peer lists repositories without a manifest", ours: "200"},
		{method: "GET", path: "/v2/_catalog?n=-1", differs: "the peer takes any number", ours: "400 PAGINATION_NUMBER_INVALID"},
		{method: "POST", path: "/v2/_catalog", differs: "the peer says it without a code", ours: "405 UNSUPPORTED"},
		{method: "DELETE", path: "/v2/a/blobs/" + none},
		{method: "DELETE", path: "/v2/a/manifests/" + none},
		{method: "DELETE", path: "/v2/a/manifests/" + digestOf(image)},
		{method: "GET", path: "/v2/a/manifests/latest"},
		{method: "DELETE", path: "/v2/a/blobs/" + digestOf("content")},
		{method: "GET", path: "/v2/a/blobs/" + digestOf("content")},
	}
}

func TestTheSameRequestsHaveTheSameAnswersFromDebiansRegistry(t *testing.T) {
	ours, peer := &talk{base: "http://" + start(t).addr}, &talk{base: "http://" + startPeer(t)}
	for _, s := range steps() {
		want, got := peer.say(t, s), ours.say(t, s)
		what := s.method + " " + s.path + strings.Join(s.headers, ", ")
		switch {
		case s.differs == "" && got != want:
			t.Errorf("%s\nDebian's registry: %s\nours:              %s", what, want, got)
		case s.differs != "" && !strings.HasPrefix(got, s.ours):
			t.Errorf("%s (%s)\nwant %s\nours %s", what, s.differs, s.ours, got)
		case s.differs != "" && got == want:
			t.Errorf("%s: both say %s, and it stands here that they differ", what, got)
		}
	}
}

// talk is a conversation with a registry.
type talk struct{ base, location string }

// say sends a request and words the answer: status, code, and the headers and
// bodies that clients read.
func (c *talk) say(t *testing.T, s step) string {
	t.Helper()
	path := s.path
	if rest, ok := strings.CutPrefix(path, "$LOCATION"); ok {
		if !strings.Contains(c.location, "?") {
			rest = strings.Replace(rest, "&", "?", 1)
		}
		path = c.location + rest
	}
	a := ask(t, s.method, c.base+path, s.body, s.headers...)
	if l := a.header.Get("Location"); strings.Contains(l, "/blobs/uploads/") {
		c.location = strings.TrimPrefix(l, c.base)
	}
	words := []string{fmt.Sprint(a.status)}
	var failure struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	if a.status >= 400 {
		if json.Unmarshal([]byte(a.body), &failure) == nil && len(failure.Errors) > 0 {
			words = append(words, failure.Errors[0].Code)
		}
		return strings.Join(words, " ")
	}
	for _, name := range []string{"Docker-Content-Digest", "Range", "Content-Range", "Content-Type", "Etag", "Docker-Distribution-Api-Version"} {
		if v := a.header.Get(name); v != "" {
			words = append(words, name+"="+strings.TrimSuffix(v, "; charset=utf-8"))
		}
	}
	if l := a.header.Get("Location"); l != "" {
		l = strings.TrimPrefix(l, c.base)
		l = regexp.MustCompile(`uploads/[^?]+(\?.*)?`).ReplaceAllString(l, "uploads/ID")
		words = append(words, "Location="+l)
	}
	return strings.Join(append(words, strings.TrimSpace(a.body)), " ")
}

// startPeer starts Debian's registry for the rest of the test.
func startPeer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	config := written(t, "config.yml", `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: `+t.TempDir()+`}, delete: {enabled: true}}
http: {addr: "`+addr+`"}
`)
	cmd := exec.Command(harness.Tool(t, "docker-registry"), "serve", config)
	var said lines
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	wait(t, "docker-registry answers", func() bool {
		select {
		case <-done:
			t.Fatalf("docker-registry ended:\n%s", said.String())
		default:
		}
		resp, err := http.Get("http://" + addr + "/v2/")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return true
	})
	return addr
}
