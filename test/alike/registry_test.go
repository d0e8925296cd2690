//go:build linux

package alike

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// line is a message of a transfer, without what depends on the pace.
func transferLines(t *testing.T, body string) string {
	t.Helper()
	var lines []string
	for text := range strings.Lines(body) {
		var m struct {
			Status, ID string
			Error      string
			Progress   *struct{} `json:"progressDetail"`
			Aux        json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		switch m.Status {
		case "Downloading", "Extracting", "Pushing", "Waiting", "Verifying Checksum": // Docker leaves these out when they are short
			continue
		}
		text = strings.TrimSpace(text)
		if strings.HasPrefix(m.Status, "Digest: ") || strings.Contains(m.Status, ": digest: ") || len(m.Aux) > 0 {
			text = regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllString(text, "DIGEST")
		}
		lines = append(lines, text)
	}
	if len(lines) > 2 && !strings.Contains(lines[0], "errorDetail") { // layers tell of themselves in any order
		slices.Sort(lines[1 : len(lines)-1])
	}
	return strings.Join(lines, "\n")
}

// transferred asks for a transfer, with the credentials of nobody, without which Debian's docker.io does not push.
func transferred(t *testing.T, d harness.Place, path string) harness.Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Registry-Auth", "e30=")
	resp, err := d.HTTP().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return harness.Answer{Status: resp.StatusCode, Body: string(b)}
}

// The daemons have networks of their own, and so each its registry, over the same directory.
func TestPullsAndPushesAreToldAsDockerTellsThem(t *testing.T) {
	stock, d := harness.StartDockerd(t), harness.Start(t)
	port, root := d.Port(19), t.TempDir()
	theirs, ours := stock.Registry(t, port, root), harness.StartRegistry(t, port, root)
	host := theirs.Host
	if ours.Host != host {
		t.Fatal(ours.Host, host)
	}
	docker := stock.Client(t)
	docker.Must("tag", "busybox", host+"/a/bb:1")
	docker.Must("push", host+"/a/bb:1")
	docker.Must("tag", "busybox", host+"/a/bb:2")
	docker.Must("push", host+"/a/bb:2")
	docker.Must("rmi", host+"/a/bb:1", host+"/a/bb:2", "busybox:latest")
	for _, path := range []string{
		"/images/create?fromImage=" + host + "/a/bb&tag=1",
		"/images/create?fromImage=" + host + "/a/bb&tag=1",
		"/images/create?fromImage=" + host + "/a/bb:2",
		"/images/create?fromImage=" + host + "/a/bb&tag=gone",
		"/images/create?fromImage=" + host + "/a/gone&tag=1",
		"/images/create?fromImage=" + host + "/a/bb&tag=-",
		"/images/create?fromImage=" + host + "/a/bb",
		"/images/" + host + "/a/bb/push?tag=1",
		"/images/" + host + "/a/gone/push?tag=1",
		"/images/" + host + "/a/bb/push?tag=gone",
	} {
		want, got := transferred(t, stock.Place, path), transferred(t, d.Place, path)
		if strings.Contains(path, "/push") { // docker.io knows a layer by its contents, Docker 29 and we by what is sent
			id := regexp.MustCompile(`"id":"[0-9a-f]{12}"`)
			want.Body, got.Body = id.ReplaceAllString(want.Body, `"id":"LAYER"`), id.ReplaceAllString(got.Body, `"id":"LAYER"`)
		}
		if wanted, told := transferLines(t, want.Body), transferLines(t, got.Body); told != wanted || got.Status != want.Status {
			t.Errorf("%s\n%d %s\nas Docker says it:\n%d %s", path, got.Status, told, want.Status, wanted)
		}
	}
}
