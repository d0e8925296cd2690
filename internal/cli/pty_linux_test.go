package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"berth/internal/cli/session"
	"berth/internal/cli/system"

	"golang.org/x/sys/unix"
)

// openPTY returns both ends of a new terminal of 24 lines and 80 columns.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here")
	}
	t.Cleanup(func() { _ = m.Close() })
	fd := int(m.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	s, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return m, s
}

func modes(t *testing.T, f *os.File) *unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// becomesRaw waits for the client, which goes raw when it is attached.
func becomesRaw(t *testing.T, f *os.File) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if modes(t, f).Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) == 0 {
			return true
		}
	}
	return false
}

// TestATerminalIsRawDuringARunAndRestoredAfterIt types into a container, which
// ends, or from which the user detaches, or which never starts.
func TestATerminalIsRawDuringARunAndRestoredAfterIt(t *testing.T) {
	for name, c := range map[string]struct {
		keys string
		fail bool
		code int
	}{
		"ended": {"x\x04", false, 7}, "detached": {"x\x10\x11", false, 0}, "not started": {"", true, 125},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := openPTY(t)
			before := modes(t, slave)
			sizes := make(chan string, 8)
			isRaw := make(chan bool, 1)
			f := engineFor(t, 7, raw, func(conn net.Conn, in io.Reader) {
				isRaw <- becomesRaw(t, slave)
				_, _ = conn.Write([]byte("prompt"))
				r := bufio.NewReader(in)
				for {
					if b, err := r.ReadByte(); err != nil || b == 4 {
						return
					}
				}
			})
			f.on("POST /containers/"+id+"/resize", func(w http.ResponseWriter, r *http.Request) {
				sizes <- r.URL.RawQuery
				noContent(w, r)
			})
			if c.fail {
				f.on("POST /containers/"+id+"/start", refusal(http.StatusInternalServerError, "no"))
				f.on("POST /containers/"+id+"/attach", stream(raw, func(_ net.Conn, in io.Reader) { _, _ = io.Copy(io.Discard, in) }))
			}
			env := map[string]string{"BERTH_HOST": "tcp://" + f.server.Listener.Addr().String(), "DOCKER_CONFIG": t.TempDir()}
			s := &session.Session{In: slave, Out: slave, Err: io.Discard}
			s.Getenv = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
			code := make(chan int, 1)
			go func() { code <- Main(s, system.Build{}, []string{"run", "-it", "busybox"}) }()
			if !c.fail {
				buf := make([]byte, 64)
				n, err := master.Read(buf)
				if err != nil || !strings.HasPrefix(string(buf[:n]), "prompt") {
					t.Fatalf("%q %v", buf[:n], err)
				}
				if got := <-sizes; got != "h=24&w=80" {
					t.Errorf("first size %q", got)
				}
				if !<-isRaw {
					t.Error("the terminal is not raw")
				}
				if _, err := io.WriteString(master, c.keys); err != nil {
					t.Fatal(err)
				}
			}
			if got := <-code; got != c.code {
				t.Errorf("code %d", got)
			}
			if after := modes(t, slave); !reflect.DeepEqual(before, after) {
				t.Errorf("the terminal is left as %+v, was %+v", after, before)
			}
			if !strings.Contains(f.body("create"), `"ConsoleSize":[24,80]`) {
				t.Errorf("create says %s", f.body("create"))
			}
		})
	}
}
