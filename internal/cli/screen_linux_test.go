package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"berth/internal/cli/session"
	"berth/internal/cli/system"
)

// screen is as much of a terminal as the clients use: what is to be read on it.
type screen struct {
	lines [][]rune
	y, x  int
}

// show plays output on the screen.
func (s *screen) show(out string) string {
	in := []rune(out)
	for i := 0; i < len(in); i++ {
		switch r := in[i]; {
		case r == '\n':
			s.y, s.x = s.y+1, 0
		case r == '\r':
			s.x = 0
		case r == 0x1b && i+1 < len(in) && in[i+1] == '[':
			j := i + 2
			for in[j] < '@' {
				j++
			}
			n := 0
			_, _ = fmt.Sscanf(string(in[i+2:j]), "%d", &n)
			s.escape(in[j], n)
			i = j
		default:
			s.line()
			s.lines[s.y][s.x] = r
			s.x++
		}
	}
	var text []string
	for _, line := range s.lines {
		text = append(text, strings.TrimRight(string(line), " "))
	}
	return strings.TrimRight(strings.Join(text, "\n"), "\n")
}

func (s *screen) escape(verb rune, n int) {
	switch verb {
	case 'A':
		s.y = max(s.y-max(n, 1), 0)
	case 'B':
		s.y += max(n, 1)
	case 'K':
		s.line()
		if n == 2 {
			s.lines[s.y] = nil
		} else {
			s.lines[s.y] = s.lines[s.y][:s.x]
		}
	case 'J':
		s.line()
		s.lines = s.lines[:s.y+1]
		s.lines[s.y] = s.lines[s.y][:s.x]
	}
}

// line makes sure that there is something where the cursor is.
func (s *screen) line() {
	for len(s.lines) <= s.y {
		s.lines = append(s.lines, nil)
	}
	for len(s.lines[s.y]) <= s.x {
		s.lines[s.y] = append(s.lines[s.y], ' ')
	}
}

// onTerminal runs with a terminal as output, and returns what is on it at the end.
func onTerminal(t *testing.T, run func(tty *os.File)) string {
	t.Helper()
	master, slave := openPTY(t)
	seen := make(chan string)
	go func() {
		var b strings.Builder
		_, _ = io.Copy(&b, master) // ends with an error when the other end is closed
		seen <- b.String()
	}()
	run(slave)
	_ = slave.Close()
	return new(screen).show(<-seen)
}

// onTerminal runs the client with a terminal as output, and returns what it wrote there.
func (f *fake) onTerminal(line string) string {
	master, slave := openPTY(f.t)
	seen := make(chan string)
	go func() {
		b, _ := io.ReadAll(master) // ends with an error when the other end is closed
		seen <- string(b)
	}()
	env := map[string]string{"BERTH_HOST": "tcp://" + f.server.Listener.Addr().String(), "DOCKER_CONFIG": f.t.TempDir()}
	s := &session.Session{In: strings.NewReader(""), Out: slave, Err: slave}
	s.Getenv = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	Main(s, system.Build{}, strings.Fields(line))
	_ = slave.Close()
	return <-seen
}

func TestATerminalEndsUpAsWithTheStockClient(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("no docker client to compare with")
	}
	for what, text := range map[string]string{
		"pulled": pulled,
		"failed": pulled + `{"status":"Pulling from library/b","id":"2"}` + "\n" + `{"status":"Waiting","progressDetail":{},"id":"dddddddddddd"}` + "\n" + `{"errorDetail":{"message":"toomanyrequests: slow down"},"error":"x"}`,
		"pushed": strings.ReplaceAll(pulled, "Pull complete", "Pushed"),
	} {
		f := newFake(t)
		f.on("HEAD /_ping", pong).on("GET /_ping", pong)
		f.on("POST /images/create", streams(text))
		f.on("POST /images/docker.io/library/a/push", streams(text))
		f.on("POST /images/load", streams(text))
		for _, args := range []string{"pull a", "push a", "load", "create --pull always a", "save a", "export a", "images a", "history a"} {
			host := "tcp://" + f.server.Listener.Addr().String()
			want := onTerminal(t, func(tty *os.File) {
				cmd := exec.Command(docker, strings.Fields(args)...)
				cmd.Env = []string{"DOCKER_HOST=" + host, "DOCKER_CONFIG=" + t.TempDir()}
				cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("x"), tty, tty
				var exit *exec.ExitError
				if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
					t.Error(err)
				}
			})
			got := onTerminal(t, func(tty *os.File) {
				env := map[string]string{"BERTH_HOST": host, "DOCKER_CONFIG": t.TempDir()}
				s := &session.Session{In: strings.NewReader("x"), Out: tty, Err: tty}
				s.Getenv = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
				Main(s, system.Build{}, strings.Fields(args))
			})
			if got != want {
				t.Errorf("%s, %s: berth leaves\n%s\ndocker\n%s", what, args, got, want)
			}
		}
	}
}

// TestABarMovesWhileALayerIsFetched stops a pull in the middle and looks at the terminal.
func TestABarMovesWhileALayerIsFetched(t *testing.T) {
	f := newFake(t)
	go_on := make(chan struct{})
	f.on("POST /images/create", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"id":"aaa","status":"Downloading","progressDetail":{"current":5000,"total":10000}}`)
		w.(http.Flusher).Flush()
		<-go_on
		_, _ = io.WriteString(w, `{"id":"aaa","status":"Pull complete","progressDetail":{}}`)
	})
	master, slave := openPTY(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		env := map[string]string{"BERTH_HOST": "tcp://" + f.server.Listener.Addr().String(), "DOCKER_CONFIG": t.TempDir()}
		s := &session.Session{In: slave, Out: slave, Err: slave}
		s.Getenv = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
		Main(s, system.Build{}, []string{"pull", "a:1"})
		_ = slave.Close()
	}()
	var out strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(out.String(), "/10kB") {
		n, err := master.Read(buf)
		if err != nil {
			t.Fatal(err, out.String())
		}
		out.Write(buf[:n])
	}
	close(go_on)
	const half = "aaa: Downloading [====================" // of the 80 columns
	if got := new(screen).show(out.String()); !strings.HasPrefix(got, half) || !strings.Contains(got, ">") {
		t.Errorf("%q", got)
	}
	rest, _ := io.ReadAll(master) // ends with an error when the other end is closed
	out.Write(rest)
	<-done
	if got, want := new(screen).show(out.String()), "aaa: Pull complete\ndocker.io/library/a:1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestATerminalShowsTheNewViewAndAPipeTheTable has a terminal of 80 columns.
func TestATerminalShowsTheNewViewAndAPipeTheTable(t *testing.T) {
	f := newFake(t)
	f.on("GET /images/json", answer(http.StatusOK, summaries()))
	text := f.onTerminal("images")
	plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(text, "")
	want := fmt.Sprintf("%80s", "i Info →   U  In Use") + `
IMAGE        ID             DISK USAGE   CONTENT SIZE   EXTRA
app:v1       e123456789ab        5.5MB             0B
two:1        0123456789ab        9.3MB          7.6MB    U
two:latest   0123456789ab        9.3MB          7.6MB    U`
	if got := regexp.MustCompile(" +\r?\n|\r\n").ReplaceAllString(plain+"\n", "\n"); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r := f.run("", "images"); !strings.HasPrefix(r.out, "REPOSITORY ") {
		t.Errorf("a pipe gets\n%s", r.out)
	}
	if got := f.onTerminal("images --digests"); !strings.HasPrefix(got, "REPOSITORY ") {
		t.Errorf("with digests there is\n%s", got)
	}
}
