//go:build linux

package seal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

const sealedEnv = "BERTH_TEST_SEAL"

// TestMain plays a command that protects itself and tells whether it can be written to.
func TestMain(m *testing.M) {
	ways := map[string]func() error{"": nil, "self": Self, "memory": func() error {
		if isMemory() {
			return nil
		}
		return throughMemory()
	}, "none": func() error { return nil }}
	way := ways[os.Getenv(sealedEnv)]
	if way == nil {
		os.Exit(m.Run())
	}
	if err := way(); err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	exe, err := os.Open(self)
	if err != nil {
		os.Exit(1)
	}
	// A writer is in the way of its own execution only as long as that lasts.
	err = unix.Access("/proc/self/fd/"+strconv.Itoa(int(exe.Fd())), unix.W_OK)
	switch {
	case errors.Is(err, unix.EROFS):
		os.Stdout.WriteString("read-only")
	case err == nil && isMemory():
		os.Stdout.WriteString("sealed")
	case err == nil:
		os.Stdout.WriteString("open")
	}
	os.Exit(0)
}

func TestTheBinaryIsSealed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root seals")
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "runtime")
	if err := os.WriteFile(binary, data, 0o700); err != nil {
		t.Fatal(err)
	}
	for way, want := range map[string]string{"none": "open", "self": "read-only", "memory": "sealed"} {
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), sealedEnv+"="+way)
		out, err := cmd.Output()
		if err != nil || string(out) != want {
			t.Errorf("%s: the binary is %q (%v), want %s", way, out, err, want)
		}
	}
}
