//go:build linux

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// gathered is what a receiver got of one container: n messages.
func gathered(t *testing.T, network, path string, n int, run func()) string {
	t.Helper()
	defer os.Remove(path)
	got := make(chan string, 100)
	if network == "unixgram" {
		l, err := net.ListenUnixgram(network, &net.UnixAddr{Name: path, Net: network})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for b := make([]byte, 64<<10); ; {
				k, err := l.Read(b)
				if err != nil {
					return
				}
				got <- string(b[:k])
			}
		}()
	} else {
		l, err := net.Listen(network, path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					for b := bufio.NewReader(conn); ; {
						line, err := b.ReadString('\n')
						if err == io.EOF && line == "" {
							return
						}
						got <- line
						if err != nil {
							return
						}
					}
				}()
			}
		}()
	}
	run()
	var all strings.Builder
	for range n {
		select {
		case text := <-got:
			fmt.Fprintf(&all, "%q\n", text)
		case <-time.After(harness.Patience):
			t.Fatalf("only this came:\n%s", all.String())
		}
	}
	return all.String()
}

func TestASyslogGetsFromUsWhatItGetsFromDocker(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	const script = `sleep 0.2; echo one; printf '\ttwo "x"\n\nü'; sleep 0.2; echo err >&2`
	for _, network := range []string{"unix", "unixgram"} {
		for _, format := range []string{"", "rfc3164", "rfc5424", "rfc5424micro"} {
			var both []string
			for _, at := range []struct {
				c    harness.Client
				root string
			}{{docker.Client(t), docker.ExecRoot()}, {d.Client(t, "docker"), d.ExecRoot()}} {
				path := filepath.Join(at.root, "log.sock")
				args := []string{"run", "-d", "--network", "none", "--log-driver", "syslog", "--log-opt", "syslog-address=" + network + "://" + path, "--log-opt", "syslog-facility=mail",
					"--log-opt", "tag={{.DaemonName}}/{{.ImageName}}/{{.Command}}"}
				if format != "" {
					args = append(args, "--log-opt", "syslog-format="+format)
				}
				text := gathered(t, network, path, 4, func() { at.c.Prints("0", "wait", at.c.Must(append(args, busybox, "sh", "-c", script)...)) })
				text = regexp.MustCompile(`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`).ReplaceAllString(text, "TIME")
				both = append(both, regexp.MustCompile(`\[\d+\]: | \d+ docker/`).ReplaceAllString(text, "[PID]"))
			}
			if both[0] != both[1] {
				t.Errorf("%s, %q: it gets from Docker\n%s\nand from berth\n%s", network, format, both[0], both[1])
			}
		}
	}
}
