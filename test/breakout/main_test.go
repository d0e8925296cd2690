//go:build linux

package breakout

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"berth/test/harness"
)

// attackerEnv names the directory of the attacker and of copies of our programs.
const attackerEnv = "BERTH_BREAKOUT_DIR"

// The engine that is attacked is a copy: should an attack on the runtime's
// binary succeed, nothing but the copy is harmed.
func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) != "" {
		os.Exit(launcherMain())
	}
	code, err := withPrograms(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withPrograms(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "berth-breakout-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	from := os.Getenv("BERTH_TEST_BIN")
	if from == "" {
		from = filepath.Join(harness.Root(), "bin")
	}
	for _, name := range []string{"berth", "berthd", "berth-keeper", "berth-runtime"} {
		if err := copyProgram(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			return 1, err
		}
	}
	// In a virtual machine there is no compiler, and the attacker is there.
	if err := copyProgram(filepath.Join(from, "attacker"), filepath.Join(dir, "attacker")); err != nil {
		if err := buildAttacker(dir); err != nil {
			return 1, err
		}
	}
	if err := errors.Join(os.Setenv("BERTH_TEST_BIN", dir), os.Setenv(attackerEnv, dir)); err != nil {
		return 1, err
	}
	return run(), nil
}

func buildAttacker(dir string) error {
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "attacker"), "./test/breakout/attacker")
	build.Dir, build.Env, build.Stderr = harness.Root(), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the attacker: %w", err)
	}
	return nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("run `make build` first: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func attacker() string { return filepath.Join(os.Getenv(attackerEnv), "attacker") }
