package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADiskBudgetComesFromTheFlagOrTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daemon.json")
	for content, want := range map[string]string{`{"disk-budget":"20GB"}`: "20000000000", `{"disk-budget":1048576}`: "1048576", `{"disk-budget":"80%"}`: "80%", `{}`: ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Parse([]string{"--config-file", file})
		if got := (*budgetValue)(&c.Images.Budget).String(); err != nil || got != want {
			t.Errorf("%s: %q, %v", content, got, err)
		}
	}
	for _, word := range []string{"much", "120%"} {
		if _, err := Parse([]string{"--config-file", "/dev/null", "--disk-budget", word}); err == nil || !strings.Contains(err.Error(), `is neither a size such as "20GB" nor a share such as "80%"`) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
