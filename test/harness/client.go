//go:build linux

package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Client is a command line client, connected to a daemon.
type Client struct {
	Name string // "berth" or "docker"
	T    testing.TB

	path  string
	env   []string
	stdin io.Reader
	dir   string // where it runs; the root when empty
}

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Code           int // -1 when a signal ended it
}

// Docker runs the stock client.
func (d *Daemon) Docker(args ...string) Result {
	d.t.Helper()
	return d.Client(d.t, "docker").Run(args...)
}

// Berth runs our own client.
func (d *Daemon) Berth(args ...string) Result {
	d.t.Helper()
	return d.Client(d.t, "berth").Run(args...)
}

// Client is the client of a name, "berth" or "docker", for a test or a part of it.
func (d Place) Client(t testing.TB, name string) Client {
	t.Helper()
	path := ""
	if name == "berth" {
		path = Binary(t, name)
	} else {
		path = Tool(t, name)
	}
	return Client{Name: name, T: t, path: path, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.configDir(), "DOCKER_CONFIG=" + d.configDir(), "DOCKER_HOST=unix://" + d.Socket(),
		"DOCKER_CLI_HINTS=false", "TERM=xterm",
	}}
}

// EachClient runs a part of a test once with every client.
func EachClient(t *testing.T, d *Daemon, part func(t *testing.T, c Client)) {
	t.Helper()
	for _, name := range []string{"berth", "docker"} {
		t.Run(name, func(t *testing.T) { part(t, d.Client(t, name)) })
	}
}

// In is the client with a standard input.
func (c Client) In(stdin io.Reader) Client {
	c.stdin = stdin
	return c
}

// Env is the client with further variables in its environment, as NAME=value.
func (c Client) Env(env ...string) Client {
	c.env = append(c.env[:len(c.env):len(c.env)], env...)
	return c
}

// Run runs a command to its end. Only a client that cannot be run, or that does
// not end within Patience, fails the test.
func (c Client) Run(args ...string) Result {
	c.T.Helper()
	var stdout, stderr bytes.Buffer
	code := c.Stream(&stdout, &stderr, args...)
	return Result{stdout.String(), stderr.String(), code}
}

// Stream is Run with the output going elsewhere.
func (c Client) Stream(stdout, stderr io.Writer, args ...string) int {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := c.command(ctx, args)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		c.T.Fatalf("%s did not end; so far: %s%s", c.line(args), soFar(stdout), soFar(stderr))
	case err != nil && !errors.As(err, &exit):
		c.T.Fatalf("%s: %v", c.line(args), err)
	}
	return cmd.ProcessState.ExitCode()
}

func (c Client) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Env, cmd.Stdin, cmd.Dir = c.env, c.stdin, cmp.Or(c.dir, "/")
	// Pipes that a killed client's children hold must not hold us.
	cmd.WaitDelay = Patience
	return cmd
}

func (c Client) line(args []string) string { return c.Name + " " + strings.Join(args, " ") }

func soFar(w io.Writer) string {
	if b, ok := w.(*bytes.Buffer); ok {
		return b.String()
	}
	return ""
}

// Must runs a command that has to succeed, and returns its output without the
// white space around it.
func (c Client) Must(args ...string) string {
	c.T.Helper()
	r := c.Run(args...)
	if r.Code != 0 {
		c.T.Fatalf("%s: exit code %d\nstdout: %s\nstderr: %s", c.line(args), r.Code, r.Stdout, r.Stderr)
	}
	return strings.TrimSpace(r.Stdout)
}

// Fails runs a command that has to end with a code and to say something.
func (c Client) Fails(code int, says string, args ...string) {
	c.T.Helper()
	r := c.Run(args...)
	if r.Code != code || !strings.Contains(r.Stderr, says) {
		c.T.Errorf("%s: exit code %d, want %d\nstdout: %s\nstderr: %s\nwant in stderr: %s", c.line(args), r.Code, code, r.Stdout, r.Stderr, says)
	}
}

// Prints runs a command that has to succeed and to print exactly this, but for
// white space around it.
func (c Client) Prints(want string, args ...string) {
	c.T.Helper()
	if got := c.Must(args...); got != want {
		c.T.Errorf("%s printed\n%s\nwant\n%s", c.line(args), got, want)
	}
}

// Process is a client that runs beside the test.
type Process struct {
	t              testing.TB
	cmd            *exec.Cmd
	line           string
	cancel         context.CancelFunc
	done           chan struct{}
	Stdin          io.WriteCloser // nil when the client was given a stdin
	stdout, stderr *Buffer
}

// Begin starts a command and does not wait for it. The test's end kills it.
func (c Client) Begin(args ...string) *Process {
	c.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Process{t: c.T, cmd: c.command(ctx, args), line: c.line(args), cancel: cancel, done: make(chan struct{}), stdout: &Buffer{}, stderr: &Buffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if c.stdin == nil {
		in, err := p.cmd.StdinPipe()
		if err != nil {
			c.T.Fatal(err)
		}
		p.Stdin = in
	}
	if err := p.cmd.Start(); err != nil {
		cancel()
		c.T.Fatalf("%s: %v", p.line, err)
	}
	go func() {
		_ = p.cmd.Wait() // what it says is read from the state
		close(p.done)
	}()
	c.T.Cleanup(func() {
		cancel()
		<-p.done
	})
	return p
}

// Signal sends the client a signal.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("%s: %v", p.line, err)
	}
}

// Stdout is what the client has printed so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the client has said so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Await waits until the client has printed something.
func (p *Process) Await(text string) {
	p.t.Helper()
	Eventually(p.t, p.line, func() error { return p.stdout.holds(text, p.stderr) })
}

// Ends waits for the client's end.
func (p *Process) Ends() Result {
	p.t.Helper()
	if !closedWithin(p.done) {
		p.t.Fatalf("%s does not end; so far: %s%s", p.line, p.stdout, p.stderr)
	}
	return Result{p.stdout.String(), p.stderr.String(), p.cmd.ProcessState.ExitCode()}
}

// At is the client in a working directory.
func (c Client) At(dir string) Client {
	c.dir = dir
	return c
}

// Shell runs a line of the test's own with the host's shell.
func Shell(t testing.TB, line string) Result {
	t.Helper()
	c := Client{Name: "sh", T: t, path: Tool(t, "sh"), env: os.Environ()}
	return c.Run("-c", line)
}
