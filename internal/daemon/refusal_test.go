package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestAnOptionOfDockerdThatIsNotHereIsRefusedByNameAsFlagAndAsKey(t *testing.T) {
	for _, name := range append(strings.Fields(unsupported), strings.Fields(unsupportedKeys)...) {
		file := filepath.Join(t.TempDir(), "daemon.json")
		if err := os.WriteFile(file, []byte(`{"`+name+`":"x"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse([]string{"--config-file", file}); err == nil || !strings.Contains(err.Error(), name+" is not supported") {
			t.Errorf("as a key: %v", err)
		}
		if strings.Contains(unsupportedKeys, name) {
			continue
		}
		if _, err := Parse([]string{"--config-file", os.DevNull, "--" + name + "=x"}); err == nil || !strings.Contains(err.Error(), name+" is not supported") {
			t.Errorf("as a flag: %v", err)
		}
	}
	_, err := Parse([]string{"--config-file", os.DevNull, "--init-path", "/sbin/tini"})
	if err == nil || !strings.Contains(err.Error(), "berth's own") {
		t.Error(err)
	}
	if !fault.Is(refusal("init-path").Set(""), fault.Unsupported) {
		t.Error("it is refused as something else")
	}
}
