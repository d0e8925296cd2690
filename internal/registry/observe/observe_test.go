package observe

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// watched asks a handler that is watched over a real connection.
func watched(t *testing.T, m *Metrics, log io.Writer, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(m.Watch(h, log))
	t.Cleanup(s.Close)
	return s
}

func TestRequestsAreCountedByKindMethodAndStatus(t *testing.T) {
	m := New()
	s := watched(t, m, nil, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "1234567")
	})
	for range 2 {
		resp, err := http.Post(s.URL+"/v2/a/blobs/uploads/", "", strings.NewReader("12345"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	m.Add("berth_registry_things_total", "Things.", 2)
	m.Gauge("berth_registry_level", "A level.", func() float64 { return 1.5 })
	s.Close() // and with it all handlers have ended
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`berth_registry_request_duration_seconds_count{kind="uploads",method="POST",code="404"} 2`,
		`berth_registry_request_duration_seconds_bucket{kind="uploads",method="POST",code="404",le="+Inf"} 2`,
		"berth_registry_received_bytes_total 10", "berth_registry_sent_bytes_total 14", "berth_registry_requests_in_flight 0",
		"# TYPE berth_registry_things_total counter", "berth_registry_things_total 2", "# TYPE berth_registry_level gauge", "berth_registry_level 1.5",
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("%s is not in\n%s", want, b.String())
		}
	}
	form := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^{}]*\})? [0-9.e+-]+)$`)
	for line := range strings.Lines(b.String()) {
		if !form.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("not in Prometheus' form: %q", line)
		}
	}
}

func TestALineHasNoOtherLineInside(t *testing.T) {
	var log bytes.Buffer
	h := New().Watch(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), &log)
	r := httptest.NewRequest("GET", "/v2/", nil)
	r.URL.Path = "/v2/a\n1.2.3.4 - - [x] \"GET /forged"
	r.Header.Set("User-Agent", "agent\"\n\x1b[2J")
	r.SetBasicAuth("user\nname", "secret")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got := log.String(); strings.Count(got, "\n") != 1 || strings.ContainsAny(strings.TrimSuffix(got, "\n"), "\n\x1b") || strings.Contains(got, "secret") || !strings.Contains(got, " 204 0 ") {
		t.Errorf("%q", got)
	}
}

// reader notes that the response below was asked to copy by itself.
type reader struct {
	*httptest.ResponseRecorder
	from bool
}

func (r *reader) ReadFrom(src io.Reader) (int64, error) {
	r.from = true
	return io.Copy(r.ResponseRecorder, src)
}

func TestWhatIsWatchedIsStillSentByTheKernel(t *testing.T) {
	below := &reader{ResponseRecorder: httptest.NewRecorder()}
	New().Watch(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, io.LimitReader(strings.NewReader("content"), 7))
	}), nil).ServeHTTP(below, httptest.NewRequest("GET", "/v2/", nil))
	if !below.from || below.Body.String() != "content" {
		t.Errorf("the copy went by, with %q", below.Body)
	}
}
