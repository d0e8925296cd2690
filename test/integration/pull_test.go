//go:build linux

package integration

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/test/harness"
)

// halting is a registry that stops in the middle of the first blob, and tells whether the rest was asked for later.
type halting struct {
	behind  http.Handler
	stopped atomic.Bool
	ranges  atomic.Int32
	release chan struct{}
}

func (h *halting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Header.Get("Range"), "bytes=") {
		h.ranges.Add(1)
	}
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
		h.behind.ServeHTTP(w, r)
		return
	}
	whole := httptest.NewRecorder()
	h.behind.ServeHTTP(whole, r)
	body := whole.Body.Bytes()
	for key, values := range whole.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(whole.Code)
	if len(body) > 700<<10 && h.stopped.CompareAndSwap(false, true) {
		_, _ = w.Write(body[:600<<10])
		_ = http.NewResponseController(w).Flush()
		<-h.release
		return
	}
	_, _ = w.Write(body)
}

// noise is a file system of 2 MB that cannot be packed.
func noise(t *testing.T) []byte {
	t.Helper()
	data := make([]byte, 2<<20)
	rand.Read(data)
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if err := tw.WriteHeader(&tar.Header{Name: "noise", Mode: 0o644, Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPullWhoseDaemonIsKilledGoesOnWhereItStopped(t *testing.T) {
	d := harness.Start(t)
	registry := harness.StartRegistry(t, d.Port(18), t.TempDir())
	c := d.Client(t, "docker")
	c.In(bytes.NewReader(noise(t))).Must("import", "-", registry.Host+"/bb:1")
	c.Must("push", registry.Host+"/bb:1")
	h := &halting{behind: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry.Host}), release: make(chan struct{})}
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	name := strings.TrimPrefix(front.URL, "http://") + "/bb:1"
	c.Must("rmi", registry.Host+"/bb:1")
	pull := c.Begin("pull", name)
	harness.Eventually(t, "half of a layer arrives", func() error {
		parts, _ := filepath.Glob(filepath.Join(d.DataRoot(), "images/content/ingest/*/data"))
		for _, part := range parts {
			if info, err := os.Stat(part); err == nil && info.Size() >= 512<<10 {
				return nil
			}
		}
		return fmt.Errorf("%d parts", len(parts))
	})
	d.Kill9()
	close(h.release)
	pull.Ends()
	d.StartAgain()
	c.Must("pull", name)
	if h.ranges.Load() == 0 {
		t.Error("the next pull began anew")
	}
}

func TestEventsTellOfPullsAndPushes(t *testing.T) {
	d := harness.Start(t)
	registry := harness.StartRegistry(t, d.Port(18), t.TempDir())
	c, name := d.Client(t, "docker"), registry.Host+"/a/bb:1"
	c.Must("tag", d.Busybox(), name)
	c.Must("push", name)
	c.Must("pull", name)
	got := c.Must("events", "--since", "0", "--until", fmt.Sprint(time.Now().Add(time.Second).Unix()), "--filter", "event=push", "--filter", "event=pull", "--format", "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}")
	if want := "image push " + name + " " + registry.Host + "/a/bb\nimage pull " + name + " " + registry.Host + "/a/bb"; got != want {
		t.Errorf("%q instead of %q", got, want)
	}
}
