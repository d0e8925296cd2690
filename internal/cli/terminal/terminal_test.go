package terminal

import (
	"bytes"
	"os"
	"syscall"
	"testing"
)

func TestSignalsThatAreTheClientsOwnAreNotForwarded(t *testing.T) {
	names := Forwarded()
	for _, sig := range []os.Signal{syscall.SIGKILL, syscall.SIGPIPE} {
		if name, ok := names[sig]; ok {
			t.Errorf("%v is forwarded as %s", sig, name)
		}
	}
	for sig, want := range map[os.Signal]string{syscall.SIGINT: "INT", syscall.SIGTERM: "TERM", syscall.SIGHUP: "HUP", syscall.SIGQUIT: "QUIT"} {
		if names[sig] != want {
			t.Errorf("%v is forwarded as %q", sig, names[sig])
		}
	}
}

func TestAForwardedSignalIsSentByName(t *testing.T) {
	got := make(chan string, 1)
	stop := Forward(func(name string) { got <- name })
	defer stop()
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if name := <-got; name != "HUP" {
		t.Errorf("sent %q", name)
	}
}

func TestAFileThatIsNoTerminalIsLeftAlone(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var g Guard
	if err := g.Raw(f); err != nil || Is(f) || Is(nil) || Is(&bytes.Buffer{}) {
		t.Errorf("%v", err)
	}
	g.Restore()
	if h, w := Size(f); h != 0 || w != 0 {
		t.Errorf("size %dx%d", h, w)
	}
}
