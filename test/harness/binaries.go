//go:build linux

package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Root is the checkout that this package was compiled from.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary is the path of one of our programs, as `make build` has made it.
// BERTH_TEST_BIN names another directory.
func Binary(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("BERTH_TEST_BIN")
	if dir == "" {
		dir = filepath.Join(Root(), "bin")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not there: run `make build` first", path)
	}
	return path
}

// Tool is the path of a program of the distribution. `make deps` installs them.
func Tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	t.Fatalf("the program %s is needed for this test: run `make deps` first", name)
	return ""
}
