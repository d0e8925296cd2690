package mirror

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"
	"berth/internal/registry/store"

	"github.com/opencontainers/go-digest"
)

// upstream is a registry with a door before it, which lets through, counts and spoils.
type upstream struct {
	*store.Store
	address string
	counts  sync.Map // method and path: *atomic.Int64
	door    atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func opened(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Sparse: true, Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{Store: opened(t)}
	api := registry.New(registry.Options{Content: u.Store})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := u.counts.LoadOrStore(r.Method+" "+r.URL.Path, &atomic.Int64{})
		n.(*atomic.Int64).Add(1)
		if door := u.door.Load(); door != nil && !(*door)(w, r) {
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u.address = server.URL
	return u
}

// spoil puts something before the upstream; it reports whether to go on to it.
func (u *upstream) spoil(door func(w http.ResponseWriter, r *http.Request) bool) { u.door.Store(&door) }

func (u *upstream) asked(request string) int64 {
	n, ok := u.counts.Load(request)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

func (u *upstream) blob(t *testing.T, repo, content string) digest.Digest {
	t.Helper()
	up, err := u.Begin(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	d := digest.FromString(content)
	if err := up.Append(strings.NewReader(content), d.Algorithm()); err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (u *upstream) image(t *testing.T, repo, tag string, config digest.Digest) digest.Digest {
	t.Helper()
	body := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"c","digest":%q,"size":1},"layers":[]}`, grammar.OCIManifest, config))
	links, err := grammar.ReadLinks(grammar.OCIManifest, body)
	if err != nil {
		t.Fatal(err)
	}
	p := registry.Push{Digest: digest.FromBytes(body), Body: body, Links: links, Tags: []string{tag}}
	if err := u.PutManifest(t.Context(), repo, p); err != nil {
		t.Fatal(err)
	}
	return p.Digest
}

func mirrorOf(t *testing.T, u *upstream) *Mirror {
	t.Helper()
	up, err := NewUpstream(u.address, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &Mirror{Cache: opened(t), Upstream: up, Failed: func(err error) { t.Log(err) }}
}

func read(t *testing.T, m *Mirror, repo string, d digest.Digest) (string, error) {
	t.Helper()
	b, err := m.Blob(t.Context(), repo, d)
	if err != nil {
		return "", err
	}
	defer b.Content.Close()
	content, err := io.ReadAll(b.Content)
	return string(content), err
}

// settled waits until nothing is on its way.
func settled(t *testing.T, m *Mirror) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		n := len(m.flights)
		m.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a blob is on its way for a minute")
		}
	}
}

func TestManyWhoWantABlobHaveItFetchedOnce(t *testing.T) {
	u := newUpstream(t)
	content := strings.Repeat("content", 100_000)
	d := u.blob(t, "a", content)
	m := mirrorOf(t, u)
	wanted := make(chan struct{})
	u.spoil(func(http.ResponseWriter, *http.Request) bool { <-wanted; return true })
	var all, begun sync.WaitGroup
	for range 20 {
		begun.Add(1)
		all.Go(func() {
			begun.Done()
			if got, err := read(t, m, "a", d); got != content || err != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	begun.Wait()
	close(wanted)
	all.Wait()
	settled(t, m)
	if got, err := read(t, m, "a", d); got != content || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := u.asked("GET /v2/a/blobs/" + d.String()); n != 1 {
		t.Errorf("the upstream was asked %d times", n)
	}
}

func TestABlobThatBreaksOffIsFetchedFromThereOn(t *testing.T) {
	u := newUpstream(t)
	content := strings.Repeat("0123456789", 10_000)
	d := u.blob(t, "a", content)
	m := mirrorOf(t, u)
	var ranges []string
	u.spoil(func(w http.ResponseWriter, r *http.Request) bool {
		ranges = append(ranges, r.Header.Get("Range"))
		if len(ranges) > 1 {
			return true
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = io.WriteString(w, content[:50_000])
		return false
	})
	if got, err := read(t, m, "a", d); got != content || err != nil {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	settled(t, m)
	if len(ranges) != 2 || ranges[0] != "" || ranges[1] != "bytes=50000-" {
		t.Errorf("asked for %q", ranges)
	}
}

func TestNobodyGetsTheWholeOfSomethingElse(t *testing.T) {
	u := newUpstream(t)
	d := digest.FromString("content")
	m := mirrorOf(t, u)
	u.spoil(func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, "c0ntent"); return false })
	if got, err := read(t, m, "a", d); err == nil {
		t.Errorf("got %q", got)
	}
	settled(t, m)
	if _, err := m.Cache.Blob(t.Context(), "a", d); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("it is kept: %v", err)
	}
}

func TestATagIsWhatItIsUpstreamAndWhatItWasWhenThatIsAway(t *testing.T) {
	u := newUpstream(t)
	m := mirrorOf(t, u)
	config := u.blob(t, "a", "one")
	first := u.image(t, "a", "latest", config)
	tag := grammar.Reference{Tag: "latest"}
	for range 2 {
		if got, err := m.Manifest(t.Context(), "a", tag); err != nil || got.Digest != first {
			t.Fatalf("%v %v", got.Digest, err)
		}
	}
	if n := u.asked("GET /v2/a/manifests/latest"); n != 1 {
		t.Errorf("what had not changed came %d times", n)
	}
	second := u.image(t, "a", "latest", u.blob(t, "a", "two"))
	if got, err := m.Manifest(t.Context(), "a", tag); err != nil || got.Digest != second {
		t.Errorf("%v %v", got.Digest, err)
	}
	for _, status := range []int{500, 503, 429} {
		u.spoil(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return false })
		if got, err := m.Manifest(t.Context(), "a", tag); err != nil || got.Digest != second {
			t.Errorf("with an upstream that answers %d: %v %v", status, got.Digest, err)
		}
		if _, err := m.Manifest(t.Context(), "a", grammar.Reference{Tag: "other"}); refusal.Of(err).HTTP() != map[int]int{500: 502, 503: 502, 429: 429}[status] {
			t.Errorf("what is not kept, with %d: %v", status, err)
		}
		if tags, err := m.Tags(t.Context(), "a"); err != nil || len(tags) != 1 {
			t.Errorf("tags with %d: %v %v", status, tags, err)
		}
	}
	u.spoil(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return false })
	if _, err := m.Manifest(t.Context(), "a", tag); !refusal.Is(err, refusal.ManifestUnknown) {
		t.Errorf("a tag that is gone upstream: %v", err)
	}
	if got, err := m.Manifest(t.Context(), "a", grammar.Reference{Digest: second}); err != nil || got.Digest != second {
		t.Errorf("a digest that is kept: %v %v", got.Digest, err)
	}
}

func TestAnUpstreamThatWantsATokenGetsOne(t *testing.T) {
	u := newUpstream(t)
	d := u.blob(t, "a", "content")
	m := mirrorOf(t, u)
	m.Upstream.user, m.Upstream.password = "ci", "secret"
	u.spoil(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			user, password, _ := r.BasicAuth()
			if q := r.URL.Query(); user != "ci" || password != "secret" || q.Get("scope") != "repository:a:pull" || q.Get("service") != "s" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, `{"token":"good"}`)
			return false
		}
		if r.Header.Get("Authorization") != "Bearer good" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+u.address+`/token",service="s",scope="repository:a:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			return false
		}
		return true
	})
	for range 2 {
		if got, err := read(t, m, "a", d); got != "content" || err != nil {
			t.Errorf("%q %v", got, err)
		}
	}
	m.Upstream.password = "wrong"
	other := u.blob(t, "b", "other")
	if _, err := read(t, m, "b", other); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestAnAddressOfNoRegistryIsRefused(t *testing.T) {
	for _, bad := range []string{"", "registry", "ftp://a", "https://", "https://a/b", "https://u:p@a"} {
		if _, err := NewUpstream(bad, "", ""); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzAChallengeIsReadToItsEnd(f *testing.F) {
	f.Add(`Bearer realm="https://a/token",service="s",scope="a,b"`)
	f.Add(`Basic realm="a\"b"`)
	f.Add(`Bearer a=b, c`)
	f.Fuzz(func(t *testing.T, header string) {
		c := parseChallenge(header)
		if at := c.address("x"); at != "" && !strings.HasPrefix(at, "http") {
			t.Errorf("%q leads to %q", header, at)
		}
	})
}
