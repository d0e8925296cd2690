//go:build linux

package breakout

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
	"berth/test/harness"
)

// decoyRuntime is a keeper that runs from a binary of its own.
type decoyRuntime struct {
	t      *testing.T
	binary string
	*keeper.Client
}

// startDecoy starts a keeper as the daemon does, sealed, or as anybody would.
func startDecoy(t *testing.T, sealed bool) *decoyRuntime {
	t.Helper()
	dir, err := os.MkdirTemp("", "berth-decoy-") // short: there is a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &decoyRuntime{t: t, binary: filepath.Join(dir, "runtime")}
	if err := copyProgram(filepath.Join(os.Getenv(attackerEnv), "berth-keeper"), r.binary); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	if !sealed {
		cmd := exec.Command(r.binary, "--root", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go cmd.Wait()
	}
	for {
		if sealed {
			r.Client, err = keeper.Ensure(ctx, dir, r.binary)
		} else {
			r.Client, err = keeper.Dial(ctx, dir)
		}
		if err == nil {
			break
		}
		if sealed || ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // until it listens
	}
	t.Cleanup(r.end)
	return r
}

// end kills the keeper. What it keeps goes on.
func (r *decoyRuntime) end() {
	select {
	case <-r.Done():
	default:
		_ = unix.Kill(r.Pid(), unix.SIGKILL)
		<-r.Done()
	}
}

// start has the keeper start a program.
func (r *decoyRuntime) start(id string, p *program.Program, files map[string]*os.File) keeper.Process {
	r.t.Helper()
	code, err := p.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	q := keeper.StartRequest{ID: id, Container: "container", Program: code}
	for _, name := range p.Fds {
		q.Fds = append(q.Fds, files[name])
	}
	process, pidfd, err := r.Start(context.Background(), q)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGKILL, nil, 0) // it may have ended
		ends := []unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(ends, -1); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		pidfd.Close()
	})
	return process
}

func TestAContainerCannotOverwriteTheRuntime(t *testing.T) {
	needRoot(t)
	numbers := &stages{}
	for _, test := range []struct {
		name   string
		sealed bool
		want   string
	}{
		{"with the defence", true, "refused: "},
		{"with it taken out", false, "escaped: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			decoy := startDecoy(t, test.sealed)
			before, err := os.ReadFile(decoy.binary)
			if err != nil {
				t.Fatal(err)
			}
			said := takeRuntime(t, numbers.newStage(t, "take-runtime"), decoy)
			t.Log(said)
			after, err := os.ReadFile(decoy.binary)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(said, test.want) || bytes.Equal(before, after) != test.sealed {
				t.Errorf("%s; the binary is as it was: %v", said, bytes.Equal(before, after))
			}
		})
	}
}

// takeRuntime starts the attacker, has the runtime execute itself in the
// attacker's container, and ends the runtime when the attacker has its binary.
func takeRuntime(t *testing.T, s *stage, decoy *decoyRuntime) string {
	t.Helper()
	out := s.streams()
	container := decoy.start("container", s.compile(), s.fds)
	s.fds[runtime.FdStdout].Close()
	lines := bufio.NewReader(out)
	says := func(want string) {
		t.Helper()
		if line, err := lines.ReadString('\n'); line != want+"\n" {
			t.Fatalf("the attacker says %q (%v)", line, err)
		}
	}
	says("watching")
	e := &stage{t: t, spec: s.spec, fds: map[string]*os.File{}}
	pidfd, err := unix.PidfdOpen(container.Pid, 0)
	s.must(err)
	e.give(runtime.FdPidfd, os.NewFile(uintptr(pidfd), "pidfd"))
	e.streams()
	process := *s.spec.Process
	process.Args = []string{"/proc/self/exe", "--root", "/tmp", "--linger", "20ms"}
	filter, err := seccomp.Compile(s.spec.Linux.Seccomp)
	s.must(err)
	p, err := runtime.CompileExec(&process, runtime.ExecInputs{Fds: e.in.Fds, Seccomp: filter})
	s.must(err)
	// A keeper can be seen until it forbids that, which it does soon.
	count := 0
	text := againUntilEnd(lines, func(held bool) {
		if held {
			decoy.end()
			return
		}
		count++
		decoy.start(fmt.Sprint("exec", count), p, e.fds)
	})
	return verdict(text)
}

// againUntilEnd has the runtime execute itself again and again, until the
// attacker holds its binary, and returns what the attacker says.
func againUntilEnd(lines *bufio.Reader, again func(held bool)) string {
	said := make(chan string)
	go func() {
		defer close(said)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			said <- line
		}
	}()
	var all string
	held := false
	for {
		if !held {
			again(false)
		}
		select {
		case line, more := <-said:
			if !more {
				return all
			}
			all += line
			if line == "holding\n" {
				held = true
				again(true)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// The engine's own: the first process of a container and a further one may
// both be the runtime itself.
func TestAContainerCannotOverwriteTheEnginesRuntime(t *testing.T) {
	needRoot(t)
	d := harness.Start(t)
	c, image := d.Client(t, "berth"), importAttacker(t, d)
	id := c.Must("run", "-d", image, "/attacker", "take-runtime")
	harness.Eventually(t, "the attacker watches", func() error {
		if said := c.Run("logs", id).Stdout; !strings.Contains(said, "watching") {
			return errors.New(said)
		}
		return nil
	})
	for range 20 {
		c.Run("exec", id, "/proc/self/exe", "--root", "/tmp", "--linger", "20ms")
		if strings.Contains(c.Must("logs", id), "holding") {
			break
		}
	}
	c.Must("wait", id)
	if said := c.Must("logs", id); !strings.Contains(said, "refused: the runtime's binary: read-only file system") {
		t.Errorf("%s", said)
	}
}
