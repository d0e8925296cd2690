//go:build linux

package registry

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"

	"github.com/opencontainers/go-digest"
)

// server is a registry that a test has started.
type server struct {
	t    testing.TB
	addr string // host:port
	data string
	args []string
	in   []string // what the program is run by: nsenter for another network
	cmd  *exec.Cmd
	done chan struct{} // closed once it is reaped
	log  lines
}

// lines keeps what a program says.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts a registry with more flags, on a port that it chooses itself.
func start(t testing.TB, args ...string) *server {
	t.Helper()
	return startIn(t, nil, args...)
}

func startIn(t testing.TB, in []string, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), args: args, in: in}
	s.launch()
	t.Cleanup(func() { s.end(syscall.SIGTERM) })
	return s
}

// launch starts the program, and reads from its first line where it listens.
func (s *server) launch() {
	s.t.Helper()
	listen := s.addr
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	line := append(append([]string{}, s.in...), harness.Binary(s.t, "berth-registry"), "serve", "--data", s.data, "--listen", listen)
	line = append(line, s.args...)
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan struct{})
	where := make(chan string, 1)
	started := make(chan error, 1)
	go s.keep(said, started, where)
	if err := <-started; err != nil {
		s.t.Fatal(err)
	}
	select {
	case s.addr = <-where:
	case <-s.done:
		s.t.Fatalf("the registry ended at its start:\n%s", s.log.String())
	case <-time.After(harness.Patience):
		s.t.Fatalf("the registry does not say where it listens:\n%s", s.log.String())
	}
}

// keep runs the program on a thread of its own, which the death signal follows.
func (s *server) keep(said io.Reader, started chan<- error, where chan<- string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := s.cmd.Start()
	started <- err
	if err != nil {
		close(s.done)
		return
	}
	scan := bufio.NewScanner(said)
	for scan.Scan() {
		fmt.Fprintln(&s.log, scan.Text())
		if _, url, ok := strings.Cut(scan.Text(), " on http"); ok {
			where <- strings.TrimPrefix(strings.TrimPrefix(url, "s"), "://")
		}
	}
	_ = s.cmd.Wait() // how it ended is of no interest
	close(s.done)
}

// end signals the program and waits for its end.
func (s *server) end(sig syscall.Signal) {
	s.t.Helper()
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(harness.Patience):
		_ = s.cmd.Process.Kill()
		<-s.done
		s.t.Errorf("the registry does not end:\n%s", s.log.String())
	}
}

// answer is what a registry has answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with headers that are given as "Name: value".
func ask(t testing.TB, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil && resp.StatusCode < 400 { // Debian's registry announces more than its 416 has
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// digestOf is the digest that content has.
func digestOf(content string) string { return digest.FromString(content).String() }

// tool runs a program of the distribution to its end.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func try(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}
