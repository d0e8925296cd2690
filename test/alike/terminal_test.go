//go:build linux

package alike

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"berth/test/harness"
)

// shown runs a command on a terminal, types, and tells what was shown and how
// it ended. Bytes that are counted on the way depend on the moment.
func shown(c harness.Client, typed string, args ...string) string {
	term := c.OnTerminal(24, 100, args...)
	if typed != "" {
		term.Expect("[y/N] ")
		term.Type(typed)
	}
	code := term.Ends()
	return strings.TrimSpace(term.Seen()) + map[bool]string{true: "", false: " (failed)"}[code == 0]
}

func TestQuestionsOnATerminalAreAlike(t *testing.T) {
	t.Parallel()
	onStock(t, func(p pair) {
		for _, line := range []string{"container prune", "system prune", "image prune"} {
			for _, typed := range []string{"n\r", "\r", "\x04", "y\r", "\x03"} {
				a, b := shown(p.docker, typed, strings.Fields(line)...), shown(p.berth, typed, strings.Fields(line)...)
				if a != b {
					p.t.Errorf("%s, answered %q\nberth  %q\ndocker %q", line, typed, b, a)
				}
			}
		}
	})
}

func TestACopyOnATerminalEndsWithTheSameLine(t *testing.T) {
	t.Parallel()
	onStock(t, func(p pair) {
		p.docker.Must("create", "--name", "it", p.busybox)
		file := filepath.Join(p.dir, "f")
		if err := os.WriteFile(file, make([]byte, 3_000_000), 0o600); err != nil {
			p.t.Fatal(err)
		}
		// Without what is drawn before it.
		last := func(seen string) string {
			at := strings.LastIndex(seen, "Successfully")
			return regexp.MustCompile(`\x1b\[[?0-9]*[a-zA-Z]`).ReplaceAllString(seen[max(at, 0):], "")
		}
		for _, args := range [][]string{{"cp", file, "it:/there"}, {"cp", "it:/etc/passwd", p.dir}, {"cp", "-q", file, "it:/there"}, {"export", "it"}, {"cp", "it:/none", p.dir}} {
			a, b := last(shown(p.docker, "", args...)), last(shown(p.berth, "", args...))
			if a != b {
				p.t.Errorf("%q\nberth  %q\ndocker %q", args, b, a)
			}
		}
		seen := shown(p.berth, "", "cp", file, "it:/there")
		if !strings.Contains(seen, "Copying to container - 0B") || !strings.HasSuffix(seen, "Successfully copied 3MB to it:/there") || !strings.Contains(seen, "\x1b[?25h") {
			p.t.Errorf("on the terminal there is %q", seen)
		}
	})
}
