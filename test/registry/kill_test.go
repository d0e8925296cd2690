//go:build linux

package registry

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// rounds is how often the registry is killed; BERTH_KILL_ROUNDS says otherwise.
const rounds = 6

// pushed is an image whose push was acknowledged.
type pushed struct{ repo, tag, content string }

func TestWhatWasAcknowledgedIsThereAfterAKill(t *testing.T) {
	s := start(t)
	n := rounds
	if v, err := strconv.Atoi(os.Getenv("BERTH_KILL_ROUNDS")); err == nil {
		n = v
	}
	var all []pushed
	for round := range n {
		all = append(all, pushUntilKilled(t, s, round)...)
		s.launch() // at the same address
		for _, p := range all {
			look(t, s, p)
		}
		whole(t, s)
	}
	if len(all) == 0 {
		t.Error("nothing was acknowledged before the kills")
	}
	t.Logf("%d images were acknowledged in %d rounds", len(all), n)
}

// pushUntilKilled pushes from several sides, kills the registry in the middle,
// and returns what it has acknowledged.
func pushUntilKilled(t *testing.T, s *server, round int) []pushed {
	t.Helper()
	var mu sync.Mutex
	var acknowledged []pushed
	enough := make(chan struct{})
	var pushers sync.WaitGroup
	for side := range 3 {
		pushers.Go(func() {
			for i := 0; ; i++ {
				p := pushed{fmt.Sprintf("r%d/s%d", round, side), fmt.Sprintf("t%d", i), strings.Repeat(fmt.Sprintf("%d %d %d;", round, side, i), 5000)}
				if !pushImage(s, p) {
					return // the registry is gone
				}
				mu.Lock()
				acknowledged = append(acknowledged, p)
				if len(acknowledged) == 5+3*round {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	over := make(chan struct{})
	go func() { pushers.Wait(); close(over) }()
	select {
	case <-enough:
	case <-over:
		t.Fatalf("pushes fail before the registry is killed:\n%s", s.log.String())
	}
	// A different moment in each round.
	time.Sleep(time.Duration(round*700) * time.Microsecond)
	s.end(syscall.SIGKILL)
	<-over
	return acknowledged
}

// pushImage pushes a blob in two parts and a manifest, and reports whether all
// of it was acknowledged.
func pushImage(s *server, p pushed) bool {
	base, half := "http://"+s.addr+"/v2/"+p.repo, len(p.content)/2
	resp := send("POST", base+"/blobs/uploads/", "", "")
	if resp == nil {
		return false
	}
	at := "http://" + s.addr + resp.Header.Get("Location")
	if send("PATCH", at, p.content[:half], "") == nil {
		return false
	}
	if send("PUT", at+"?digest="+digestOf(p.content), p.content[half:], "") == nil {
		return false
	}
	return send("PUT", base+"/manifests/"+p.tag, imageOf(p.content), "application/vnd.docker.distribution.manifest.v2+json") != nil
}

// send returns the answer if it is one of success.
func send(method, url, body, kind string) *http.Response {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode >= 300 {
		return nil
	}
	return resp
}

func look(t *testing.T, s *server, p pushed) {
	t.Helper()
	base := "http://" + s.addr + "/v2/" + p.repo
	if a := ask(t, "GET", base+"/manifests/"+p.tag, ""); a.status != 200 || a.body != imageOf(p.content) {
		t.Errorf("%s:%s was acknowledged: %d %.200s", p.repo, p.tag, a.status, a.body)
	}
	if a := ask(t, "GET", base+"/blobs/"+digestOf(p.content), ""); a.status != 200 || a.body != p.content {
		t.Errorf("the blob of %s:%s was acknowledged: %d, %d bytes", p.repo, p.tag, a.status, len(a.body))
	}
}

// whole looks at every blob in the directory, named by somebody or not: none is
// there that is not what its name says.
func whole(t *testing.T, s *server) {
	t.Helper()
	files, err := filepath.Glob(s.data + "/blobs/sha256/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != filepath.Base(f) {
			t.Errorf("%s has the digest %s", f, got)
		}
	}
}

func TestAnUploadGoesOnAfterTheRegistryWasKilled(t *testing.T) {
	s := start(t)
	a := ask(t, "POST", "http://"+s.addr+"/v2/a/blobs/uploads/", "")
	at := "http://" + s.addr + a.header.Get("Location")
	if a = ask(t, "PATCH", at, "cont", "Content-Range: 0-3"); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.end(syscall.SIGKILL)
	s.launch()
	if a = ask(t, "GET", at, ""); a.status != 204 || a.header.Get("Range") != "0-3" {
		t.Fatalf("%d %s", a.status, a.header.Get("Range"))
	}
	if a = ask(t, "PUT", at+"?digest="+digestOf("content"), "ent", "Content-Range: 4-6"); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a = ask(t, "GET", "http://"+s.addr+"/v2/a/blobs/"+digestOf("content"), ""); a.body != "content" {
		t.Errorf("%d %q", a.status, a.body)
	}
}
