//go:build linux

package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"

	"berth/test/harness"
)

// TestARealDebianRuns is the whole way through on a real system: what the
// project's first issue promises, with both clients.
func TestARealDebianRuns(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	debian := d.Debian()
	outside := d.Outside()
	for _, name := range []string{"berth", "docker"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := d.Client(t, name)
			t.Run("a shell pipeline", func(t *testing.T) { pipeline(on(t, c), debian) })
			t.Run("capabilities and seccomp", func(t *testing.T) { confined(on(t, c), debian) })
			t.Run("a detach and a return", func(t *testing.T) { detached(on(t, c), debian) })
			t.Run("a hundred megabytes through it", func(t *testing.T) { hundredMegabytes(on(t, c), debian) })
			t.Run("an end for want of memory", func(t *testing.T) { outOfMemory(on(t, c), debian) })
			t.Run("nginx reached from outside", func(t *testing.T) { nginx(on(t, c), d, debian, outside) })
		})
	}
}

// on is a client for a part of a test.
func on(t *testing.T, c harness.Client) harness.Client {
	c.T = t
	return c
}

func pipeline(c harness.Client, debian string) {
	c.T.Helper()
	c.Prints("3", "run", "--rm", debian, "bash", "-c", "printf 'c\\na\\nb\\na\\n' | sort | uniq | wc -l")
	if got := c.Must("run", "--rm", debian, "apt-get", "--version"); !strings.HasPrefix(got, "apt ") {
		c.T.Errorf("apt-get says %q", got)
	}
	c.Prints("www-data www-data", "run", "--rm", "-u", "www-data", debian, "bash", "-c", "echo $(id -un) $(id -gn)")
	c.Prints("Debian GNU/Linux", "run", "--rm", debian, "bash", "-c", ". /etc/os-release; echo $NAME")
}

func confined(c harness.Client, debian string) {
	c.T.Helper()
	want := "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2"
	c.Prints(want, "run", "--rm", debian, "grep", "-E", "^(Cap...|NoNewPrivs|Seccomp):", "/proc/self/status")
	id := c.Must("run", "-d", debian, "sleep", "1000")
	c.Prints(want, "exec", id, "grep", "-E", "^(Cap...|NoNewPrivs|Seccomp):", "/proc/self/status")
	c.Prints("1 sleep", "exec", id, "ps", "-o", "pid=,comm=", "-C", "sleep", "--no-headers", "--sort", "pid")
	c.Must("rm", "-f", id)
}

func detached(c harness.Client, debian string) {
	name := "shell-" + c.Name
	term := c.OnTerminal(24, 80, "run", "-it", "--name", name, debian, "bash", "--norc")
	term.Type("echo $((40+2))\r")
	term.Expect("42\r\n")
	term.Type("here=still\r\x10\x11")
	if code := term.Ends(); code != 0 {
		c.T.Fatalf("detaching ended with %d; seen: %q", code, term.Seen())
	}
	term = c.OnTerminal(24, 80, "attach", name)
	term.Type("echo \"[$here]\"; exit 21\r")
	term.Expect("[still]\r\n")
	if code := term.Ends(); code != 21 {
		c.T.Errorf("exit code %d; seen: %q", code, term.Seen())
	}
	c.Must("rm", name)
}

// countingHash counts what it hashes.
type countingHash struct {
	hash.Hash
	n int64
}

func (h *countingHash) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.Hash.Write(p)
}

func hundredMegabytes(c harness.Client, debian string) {
	const size = 100 << 20
	in, out := sha256.New(), &countingHash{Hash: sha256.New()}
	noise := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	var stderr harness.Buffer
	code := c.In(io.TeeReader(noise, in)).Stream(out, &stderr, "run", "--rm", "-i", debian, "cat")
	if code != 0 || out.n != size || hex.EncodeToString(in.Sum(nil)) != hex.EncodeToString(out.Sum(nil)) {
		c.T.Errorf("exit code %d, %d bytes came back, equal: %v; stderr: %s", code, out.n, hex.EncodeToString(in.Sum(nil)) == hex.EncodeToString(out.Sum(nil)), stderr.String())
	}
}

func outOfMemory(c harness.Client, debian string) {
	name := "oom-" + c.Name
	c.Fails(137, "", "run", "--name", name, "-m", "32m", "--memory-swap", "32m", debian, "perl", "-e", "$x = 'x' x 1_000_000_000")
	c.Prints("exited 137 true", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", name)
	c.Must("rm", name)
}

func nginx(c harness.Client, d *harness.Daemon, debian string, outside *harness.Outside) {
	i := 3
	if c.Name == "docker" {
		i = 4
	}
	name, port := "nginx-"+c.Name, strconv.Itoa(d.Port(i))
	c.Must("run", "-d", "--name", name, "-p", port+":80", debian, "nginx", "-g", "daemon off;")
	body := outside.Get("http://" + net.JoinHostPort(outside.Host, port) + "/")
	if !strings.Contains(body, "Welcome to nginx") {
		c.T.Errorf("nginx answers %q", body)
	}
	harness.Eventually(c.T, "nginx writes its log", func() error {
		if c.Must("exec", name, "cat", "/var/log/nginx/access.log") == "" {
			return errors.New("the access log is empty")
		}
		return nil
	})
	c.Must("stop", name)
	c.Prints("0", "wait", name)
	c.Must("rm", name)
}
