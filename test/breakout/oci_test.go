//go:build linux

package breakout

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/runtime"
)

// The OCI runtime runs for each of its commands anew, so that nobody runs its binary
// for most of the time. Its children do not have it as their executable, which
// leaves nothing to execute and nothing to hold; that it is overwritten without
// is shown with the keeper.
func TestAContainerCannotOverwriteTheOCIRuntime(t *testing.T) {
	needRoot(t)
	numbers := &stages{}
	s := numbers.newStage(t, "take-runtime")
	dir := t.TempDir()
	binary := filepath.Join(dir, "berth-runtime")
	s.must(copyProgram(filepath.Join(os.Getenv(attackerEnv), "berth-runtime"), binary))
	before, err := os.ReadFile(binary)
	s.must(err)
	s.spec.Root.Path, s.spec.Linux.CgroupsPath = s.image, numbers.group()
	config, err := json.Marshal(s.spec)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600))
	out := s.streams()
	// A command is told where its output goes: a container's is the attacker's.
	command := func(stdout *os.File, args ...string) error {
		cmd := exec.Command(binary, append([]string{"--root", filepath.Join(dir, "state")}, args...)...)
		log, err := os.Create(filepath.Join(dir, "log"))
		s.must(err)
		defer log.Close()
		cmd.Stderr = log
		if stdout != nil {
			cmd.Stdout = stdout
		}
		if err := cmd.Run(); err != nil {
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%q: %w\n%s", args, err, said)
		}
		return nil
	}
	s.must(command(s.fds[runtime.FdStdout], "create", "--bundle", dir, "attacked"))
	defer func() { s.must(command(nil, "delete", "--force", "attacked")) }()
	s.must(command(nil, "start", "attacked"))
	s.fds[runtime.FdStdout].Close()
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "watching\n" {
		t.Fatalf("the attacker says %q (%v)", line, err)
	}
	// The attacker's end, which is the container's, may come before the command's own.
	refused := 0
	text := againUntilEnd(lines, func(held bool) {
		if !held {
			err := command(nil, "exec", "attacked", "/proc/self/exe", "features")
			if err == nil {
				t.Error("the runtime's child executes itself")
			} else if strings.Contains(err.Error(), "exec format error") {
				refused++ // and not because the attacker has ended meanwhile
			}
		}
	})
	if text != "refused: nothing of a newcomer could be had\n" || refused == 0 {
		t.Errorf("the attacker says %q", text)
	}
	after, err := os.ReadFile(binary)
	s.must(err)
	if !bytes.Equal(before, after) {
		t.Error("the runtime's binary has been overwritten")
	}
}
