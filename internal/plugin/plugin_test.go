package plugin

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/fault"
)

// quick are limits for tests.
func quick() Limits {
	return Limits{Connect: 2 * time.Second, Look: time.Second, Back: 10 * time.Millisecond}
}

// host is a root with directories for plugins.
func host(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "plugin") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	for _, dir := range []string{"run/docker/plugins", "etc/docker/plugins", "usr/lib/docker/plugins/nested"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t *testing.T, root string, limits Limits) *Registry {
	t.Helper()
	r := New(root, limits)
	t.Cleanup(r.Close)
	return r
}

// serve answers at a socket as a plugin of the kind Test does.
func serve(t *testing.T, socket string, rest http.HandlerFunc) *httptest.Server {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler(rest)}}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func handler(rest http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPost || r.Header.Get("Accept") != contentType:
			http.Error(w, "not of the protocol", http.StatusTeapot)
		case r.URL.Path == "/Plugin.Activate":
			fmt.Fprint(w, `{"Implements":["Test","Other"]}`)
		default:
			rest(w, r)
		}
	})
}

func echo(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, `{"Answer":%q}`, r.URL.Path+" "+in.Name)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPluginsAreFoundBySocketBySpecAndByJSONWithItsCertificates(t *testing.T) {
	root := host(t)
	serve(t, root+"/run/docker/plugins/sock.sock", echo)
	serve(t, root+"/elsewhere.sock", echo)
	plain := httptest.NewServer(handler(echo))
	defer plain.Close()
	secret := httptest.NewTLSServer(handler(echo))
	defer secret.Close()
	ca := filepath.Join(root, "ca.pem")
	put(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secret.Certificate().Raw})))
	put(t, root+"/etc/docker/plugins/unix.spec", "unix://"+root+"/elsewhere.sock\n")
	put(t, root+"/etc/docker/plugins/tcp.spec", "tcp://"+plain.Listener.Addr().String())
	put(t, root+"/usr/lib/docker/plugins/nested/nested.json", `{"Name":"other","Addr":"`+secret.URL+`","TLSConfig":{"InsecureSkipVerify":false,"CAFile":"`+ca+`"}}`)
	put(t, root+"/usr/lib/docker/plugins/trusting.json", `{"Addr":"`+secret.URL+`"}`)
	put(t, root+"/usr/lib/docker/plugins/README", "no plugin")
	r := open(t, root, quick())
	there, silent := r.All("Test")
	var names []string
	for _, p := range there {
		names = append(names, p.Name)
		var got struct{ Answer string }
		if err := p.Do(Call{Method: "Test.Do", For: time.Minute}, map[string]string{"Name": "x"}, &got); err != nil || got.Answer != "/Test.Do x" {
			t.Error(p.Name, got, err)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"nested", "sock", "tcp", "trusting", "unix"}) || len(silent) != 0 {
		t.Error(names, silent)
	}
	if !slices.Equal(r.Active("Other"), names) || r.Active("None") != nil {
		t.Error(r.Active("Other"))
	}
	put(t, root+"/usr/lib/docker/plugins/stranger.json", `{"Addr":"`+secret.URL+`","TLSConfig":{"CAFile":"/nowhere.pem"}}`)
	if _, err := r.Find("stranger", "Test", false); err == nil || !strings.Contains(err.Error(), "/nowhere.pem") {
		t.Error(err)
	}
}

func TestWhatIsNoPluginIsSaidAtOnce(t *testing.T) {
	root := host(t)
	serve(t, root+"/run/docker/plugins/sock.sock", echo)
	put(t, root+"/etc/docker/plugins/odd.spec", "gopher://x")
	put(t, root+"/etc/docker/plugins/torn.json", "{")
	put(t, root+"/etc/docker/plugins/long.spec", strings.Repeat("x", maxSpec+1))
	put(t, root+"/run/docker/plugins/file.sock", "no socket")
	r := open(t, root, DockerLimits())
	for name, kind := range map[string]fault.Kind{
		"nope": fault.NotFound, "../plugins/sock": fault.NotFound, "": fault.NotFound, "..": fault.NotFound, "file": fault.NotFound,
		"odd": fault.Internal, "torn": fault.Internal, "long": fault.Internal,
	} {
		if _, err := r.Find(name, "Test", true); !fault.Is(err, kind) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := r.Find("nope", "Test", true); err.Error() != `plugin "nope" not found` {
		t.Error(err)
	}
	if _, err := r.Find("sock", "None", true); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestAPluginsOwnErrorIsReturnedInItsWords(t *testing.T) {
	root := host(t)
	serve(t, root+"/run/docker/plugins/p.sock", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/Test.JSON":
			http.Error(w, `{"Err":"it is full"}`, http.StatusInternalServerError)
		case "/Test.Text":
			http.Error(w, "it is gone", http.StatusNotFound)
		case "/Test.Torn":
			fmt.Fprint(w, "{")
		case "/Test.Long":
			w.Write(make([]byte, maxAnswer+1))
		}
	})
	p, err := open(t, root, quick()).Find("p", "Test", true)
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]string{
		"Test.JSON": "Test.JSON: it is full", "Test.Text": "Test.Text: it is gone",
		"Test.Torn": `plugin "p" answers Test.Torn with what cannot be read: unexpected end of JSON input`,
		"Test.Long": fmt.Sprintf(`plugin "p" answers Test.Long with more than %d bytes`, maxAnswer),
	} {
		if err := p.Do(Call{Method: method, For: time.Minute, Again: true}, nil, new(struct{})); !fault.Is(err, fault.Internal) || err.Error() != want {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestAPluginThatHangsIsWaitedForToItsLimitAndNoOtherWithIt(t *testing.T) {
	root := host(t)
	hangs := make(chan struct{})
	serve(t, root+"/run/docker/plugins/slow.sock", func(http.ResponseWriter, *http.Request) { <-hangs })
	serve(t, root+"/run/docker/plugins/fine.sock", echo)
	l, err := net.Listen("unix", root+"/run/docker/plugins/deaf.sock") // it accepts nobody
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := open(t, root, Limits{Connect: time.Minute, Look: 200 * time.Millisecond, Back: time.Second})
	there, silent := r.All("Test")
	if len(there) != 2 || !fault.Is(silent["deaf"], fault.Unavailable) || silent["deaf"].Error() != `plugin "deaf" has not answered Plugin.Activate within 200ms` {
		t.Fatal(there, silent)
	}
	slow, err := r.Find("slow", "Test", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Do(Call{Method: "Test.Do", For: 100 * time.Millisecond, Again: true}, nil, nil); !fault.Is(err, fault.Unavailable) || err.Error() != `plugin "slow" has not answered Test.Do within 100ms` {
		t.Error(err)
	}
	ended := make(chan error)
	go func() { ended <- slow.Do(Call{Method: "Test.Do", For: time.Hour}, nil, nil) }()
	r.Close() // the daemon ends: nobody waits any more
	if err := <-ended; !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	close(hangs)
}

func TestAPluginThatIsBeingStartedIsTriedAgainAndALookerIsToldAtOnce(t *testing.T) {
	root := host(t)
	socket := root + "/run/docker/plugins/p.sock"
	first := serve(t, socket, echo)
	r := open(t, root, quick())
	p, err := r.Find("p", "Test", true)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if err := p.Do(Call{Method: "Test.Do", For: time.Minute}, map[string]string{}, nil); !fault.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	if _, silent := r.All("Test"); silent["p"] == nil || silent["p"].Error() != `plugin "p" not found` {
		t.Error(silent)
	}
	var calls atomic.Int32
	done := make(chan error)
	go func() {
		done <- p.Do(Call{Method: "Test.Do", For: time.Minute, Again: true}, map[string]string{}, nil)
	}()
	serve(t, socket, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); echo(w, r) })
	if err := <-done; err != nil || calls.Load() != 1 {
		t.Error(err, calls.Load())
	}
}

func FuzzSpec(f *testing.F) {
	for _, text := range []string{"unix:///x.sock", "tcp://h:1", "http://[::1]:1/", "https://", "://", `{"Addr":"unix:///x"}`, `{"TLSConfig":{"CAFile":"x"}}`, "unix://"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, isJSON bool) {
		at, err := parseSpec(text, isJSON)
		if err != nil {
			return
		}
		if at.At == "" || !slices.Contains([]string{"unix", "http", "https"}, at.Scheme) || at.Scheme == "unix" && !filepath.IsAbs(at.At) {
			t.Errorf("%q: %+v", text, at)
		}
	})
}
