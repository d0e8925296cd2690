package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parsed parses a command line and a configuration file.
func parsed(t *testing.T, file string, args ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon.json")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return Parse(append([]string{"--config-file", path}, args...))
}

func TestRuntimesComeFromFlagsAndFile(t *testing.T) {
	c, err := parsed(t, `{"runtimes": {"crun": {"path": "/bin/sh", "runtimeArgs": ["--debug"]}}, "default-runtime": "crun"}`)
	if err != nil || c.DefaultRuntime != "crun" || c.Runtimes["crun"].Path != "/bin/sh" || c.Runtimes["crun"].Args[0] != "--debug" {
		t.Errorf("the file gives %+v, %v", c, err)
	}
	c, err = parsed(t, `{}`, "--add-runtime", "other=sh")
	if err != nil || c.DefaultRuntime != "berth" || !filepath.IsAbs(c.Runtimes["other"].Path) {
		t.Errorf("the flag gives %+v, %v", c, err)
	}
}

func TestWrongRuntimesAreRefused(t *testing.T) {
	for says, c := range map[string]struct {
		file string
		args []string
	}{
		"is reserved":                      {`{}`, []string{"--add-runtime", "berth=sh"}},
		"was already defined":              {`{}`, []string{"--add-runtime", "a=sh", "--add-runtime", "a=sh"}},
		"invalid runtime argument":         {`{}`, []string{"--add-runtime", "a"}},
		"executable file not found":        {`{}`, []string{"--add-runtime", "a=no-such-program"}},
		"default runtime 'x' does not":     {`{"default-runtime": "x"}`, nil},
		"a path must be configured":        {`{"runtimes": {"a": {}}}`, nil},
		"which are not used here":          {`{"runtimes": {"a": {"runtimeType": "io.containerd.runsc.v1"}}}`, nil},
		"cannot unmarshal":                 {`{"runtimes": ["a"]}`, nil},
		"both as a flag and in the config": {`{"runtimes": {"a": {"path": "sh"}}}`, []string{"--add-runtime", "b=sh"}},
	} {
		if _, err := parsed(t, c.file, c.args...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}
