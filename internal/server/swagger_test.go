package server

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/server/compat"

	"gopkg.in/yaml.v3"
)

// swaggerEndpoints reads "METHOD path" from the api module's swagger, or from the
// copy in testdata when the module is not on this machine.
func swaggerEndpoints(t *testing.T) []string {
	t.Helper()
	const kept = "testdata/endpoints.txt"
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil || strings.TrimSpace(string(dir)) == "" {
		return readLines(t, kept)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "swagger.yaml"))
	if err != nil {
		return readLines(t, kept)
	}
	var doc struct {
		Info  struct{ Version string }
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Info.Version != compat.Max.String() {
		t.Errorf("the api module is of version %s, the server of %s", doc.Info.Version, compat.Max)
	}
	var out []string
	for path, methods := range doc.Paths {
		for method := range methods {
			if m := strings.ToUpper(method); slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, m) {
				out = append(out, m+" "+path)
			}
		}
	}
	slices.Sort(out)
	if !slices.Equal(out, readLines(t, kept)) {
		t.Errorf("%s is out of date; it should read:\n%s", kept, strings.Join(out, "\n"))
	}
	return out
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		out = append(out, s.Text())
	}
	return out
}

func TestEveryEndpointOfTheSwaggerIsKnown(t *testing.T) {
	handlers := map[string]bool{}
	for _, r := range table(&Config{}, nil) {
		if _, twice := handlers[r.method+" "+r.path]; twice {
			t.Errorf("%s %s stands twice in the table", r.method, r.path)
		}
		handlers[r.method+" "+r.path] = r.handle != nil
	}
	endpoints := swaggerEndpoints(t)
	routed := 0
	for _, e := range endpoints {
		done, known := handlers[e]
		if !known {
			t.Errorf("%s is not in the table of routes", e)
		}
		if done {
			routed++
		}
	}
	t.Logf("routed %d of %d", routed, len(endpoints))
}

func TestWhatIsNotDoneYetAnswers501WithASentence(t *testing.T) {
	for _, r := range table(&Config{}, nil) {
		if r.handle != nil {
			continue
		}
		target := strings.NewReplacer("{id}", "some", "{name}", "a/b/c").Replace(r.path)
		w := ask(&fake{}, r.method, "/v1.44"+target, "")
		if w.Code != http.StatusNotImplemented {
			t.Errorf("%s %s answers %d", r.method, target, w.Code)
		}
		var body struct{ Message string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Message != r.method+" "+r.path+" is not supported yet by berth" {
			t.Errorf("%s %s says %q (%v)", r.method, target, body.Message, err)
		}
	}
}
