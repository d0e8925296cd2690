package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"berth/internal/event"
)

func (f *fake) Listen(want event.Range) (*event.Listener, error) { return f.log.Listen(want) }
func (f *fake) Listeners() int                                   { return 7 }

// told returns a fake whose log holds some events.
func told(t *testing.T) *fake {
	t.Helper()
	l, err := event.Open(t.TempDir(), t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.Publish(event.Message{Type: event.Container, Action: "die", ID: "c1", Attributes: event.Attributes{"name": "web", "image": "nginx", "exitCode": "3"}})
	l.Publish(event.Message{Type: event.Network, Action: "connect", ID: "n1", Attributes: event.Attributes{"name": "bridge"}})
	l.Publish(event.Message{Type: event.Image, Action: "create", ID: "sha256:1"})
	return &fake{log: l}
}

// keys are the names in each line of a stream.
func keys(t *testing.T, stream string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(stream) {
		var m map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "\x1e")), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, m)
	}
	return out
}

func TestPastEventsAreStreamedInTheShapeOfTheirVersion(t *testing.T) {
	f := told(t)
	old := ask(f, "GET", "/v1.45/events?since=0&until=0s", "")
	if kind := old.Header().Get("Content-Type"); kind != "application/json" {
		t.Error(kind)
	}
	list := keys(t, old.Body.String())
	if len(list) != 2 { // images were not created for these versions
		t.Fatal(old.Body)
	}
	if m := list[0]; m["status"] != "die" || m["id"] != "c1" || m["from"] != "nginx" || m["Type"] != "container" || m["Action"] != "die" || m["scope"] != "local" || m["time"] == nil || m["timeNano"] == nil {
		t.Error(m)
	}
	if m := list[1]; m["status"] != nil || m["id"] != nil {
		t.Error(m)
	}
	now := ask(f, "GET", "/v1.52/events?since=0&until=0s", "")
	if kind := now.Header().Get("Content-Type"); kind != "application/jsonl" {
		t.Error(kind)
	}
	if list := keys(t, now.Body.String()); len(list) != 3 || list[0]["status"] != nil || list[2]["Actor"].(map[string]any)["Attributes"] == nil {
		t.Error(list)
	}
}

func TestEventsAreFilteredAndABadQuestionIsRefused(t *testing.T) {
	for _, c := range []struct {
		query, want string
		status      int
	}{
		{"since=0&until=0s&filters=" + url.QueryEscape(`{"type":["network"]}`), `"connect"`, 200},
		{"since=0&until=0s&filters=" + url.QueryEscape(`{"container":{"we":true}}`), `"die"`, 200},
		{"since=0&until=0s&filters=" + url.QueryEscape(`{"label":["none"]}`), "", 200},
		{"filters=" + url.QueryEscape(`{"typ":["network"]}`), "invalid filter 'typ'", 400},
		{"filters=%7B", "invalid filter", 400},
		{"since=abc", `"abc\" is neither`, 400},
		{"since=1700000000.5&until=1600000000", "`since` time (1700000000.5) cannot be after `until` time (1600000000)", 400},
	} {
		w := ask(told(t), "GET", "/v1.45/events?"+c.query, "")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || c.want == "" && w.Body.Len() > 0 || strings.Count(w.Body.String(), "\n") > 1 {
			t.Errorf("%s: %d %s", c.query, w.Code, w.Body)
		}
	}
}

func TestAClientChoosesTheFormOfTheStream(t *testing.T) {
	for accept, want := range map[string]string{
		"application/json-seq": "application/json-seq", "text/html, application/x-ndjson;q=0.5": "application/x-ndjson", "*/*": "application/jsonl", "": "application/jsonl",
	} {
		if got := eventType(accept, 52); got != want {
			t.Errorf("%q: %s", accept, got)
		}
	}
	if got := eventType("application/jsonl", 51); got != "application/json" {
		t.Error(got)
	}
}

func TestEventsEndWithTheServer(t *testing.T) {
	f := told(t)
	s := newServer(f)
	s.life.stop()
	r, err := http.NewRequest("GET", "/v1.45/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r) // and comes back
	if w.Code != 200 {
		t.Error(w.Code)
	}
}
