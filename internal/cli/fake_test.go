package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"berth/internal/cli/session"
	"berth/internal/cli/system"
)

// fake is a scripted daemon. Routes are "METHOD /path" without the version.
type fake struct {
	t      *testing.T
	server *httptest.Server
	routes map[string]http.HandlerFunc
	host   string
	config string // the clients' configuration directory; a new one each time when empty

	mu    sync.Mutex
	calls []string
	asked []string // with what goes beside them: query, headers that matter
	bodys map[string][]byte
	query string
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, routes: map[string]http.HandlerFunc{}, bodys: map[string][]byte{}}
	f.server = httptest.NewServer(f)
	f.host = "tcp://" + f.server.Listener.Addr().String()
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.Index(path[1:], "/")+1:]
	}
	key := r.Method + " " + path
	f.mu.Lock()
	f.calls = append(f.calls, key)
	f.query = r.URL.RawQuery
	if path != "/_ping" {
		f.asked = append(f.asked, fmt.Sprintf("%s?%s %s %s", key, r.URL.RawQuery, r.Header.Get("X-Registry-Auth"), r.Header.Get("X-Meta-A")))
	}
	f.mu.Unlock()
	w.Header().Set("Api-Version", "1.55")
	f.mu.Lock()
	h, ok := f.routes[key]
	f.mu.Unlock()
	if !ok {
		answer(http.StatusNotFound, map[string]string{"message": "page not found"})(w, r)
		return
	}
	h(w, r)
}

// onSocket has the clients connect over a Unix socket.
func (f *fake) onSocket() *fake {
	path := filepath.Join(f.t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		f.t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: f}}
	server.Start()
	f.t.Cleanup(server.Close)
	f.host = "unix://" + path
	return f
}

// on scripts a route.
func (f *fake) on(route string, h http.HandlerFunc) *fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routes[route] = h
	return f
}

// requests returns what was asked since the last time.
func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.Join(f.asked, "\n")
	f.asked = nil
	return text
}

// body returns what keep recorded.
func (f *fake) body(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.bodys[name])
}

// lastQuery returns the query of the latest request.
func (f *fake) lastQuery() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.query
}

// keep records a request's body before it is answered.
func (f *fake) keep(name string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.bodys[name] = b
		f.mu.Unlock()
		h(w, r)
	}
}

func (f *fake) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func answer(status int, v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if v != nil {
			_ = json.NewEncoder(w).Encode(v)
		}
	}
}

func refusal(status int, message string) http.HandlerFunc {
	return answer(status, map[string]string{"message": message})
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// stream takes the connection over as the daemon does and hands it to f.
func stream(media string, f func(conn net.Conn, in io.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.55\r\n\r\n", media)
		f(conn, buf)
	}
}

// frame makes a multiplexed chunk.
func frame(kind byte, text string) []byte {
	n := len(text)
	return append([]byte{kind, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, text...)
}

// lateWait answers the header at once and the code when the channel closes.
func lateWait(code int, end <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		select {
		case <-end:
		case <-r.Context().Done():
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"StatusCode": code})
	}
}

type result struct {
	code     int
	out, err string
}

// run runs the client against the fake.
func (f *fake) run(stdin string, args ...string) result {
	env := map[string]string{"BERTH_HOST": f.host}
	if f.config != "" {
		env["DOCKER_CONFIG"] = f.config
	}
	return runWith(f.t, env, stdin, args...)
}

func runWith(t *testing.T, env map[string]string, stdin string, args ...string) result {
	t.Helper()
	if _, ok := env["DOCKER_CONFIG"]; !ok {
		env["DOCKER_CONFIG"] = t.TempDir()
	}
	var out, errOut bytes.Buffer
	s := &session.Session{In: strings.NewReader(stdin), Out: &out, Err: &errOut}
	s.Getenv = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	code := Main(s, system.Build{Version: "1.2.3", Commit: "abc", Time: "2026-01-02T03:04:05Z"}, args)
	return result{code, out.String(), errOut.String()}
}

func (r result) want(t *testing.T, code int, out, errOut string) {
	t.Helper()
	if r.code != code || r.out != out || r.err != errOut {
		t.Errorf("got code %d\nout %q\nerr %q\nwant code %d\nout %q\nerr %q", r.code, r.out, r.err, code, out, errOut)
	}
}
