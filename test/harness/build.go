//go:build linux

package harness

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Build makes programs of the project as they were at a commit, and returns their
// directory. The test is skipped where the history is not there.
func Build(t testing.TB, commit string, names ...string) string {
	t.Helper()
	git := func(args ...string) *exec.Cmd { return exec.Command("git", append([]string{"-C", Root()}, args...)...) }
	if err := git("cat-file", "-e", commit+"^{tree}").Run(); err != nil {
		t.Skipf("the commit %s is not in this checkout's history", commit)
	}
	dir := t.TempDir()
	var stderr bytes.Buffer
	archive, unpack := git("archive", commit), exec.Command("tar", "-x", "-C", dir)
	var err error
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	archive.Stderr, unpack.Stderr = &stderr, &stderr
	if err := unpack.Start(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if err := unpack.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	bin := filepath.Join(dir, "bin")
	for _, name := range names {
		build := exec.Command("make", "-s", "-C", dir, "bin/"+name)
		build.Env = append(os.Environ(), "MAKEFLAGS=") // not those of a make that runs the tests
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s of %s cannot be built: %v\n%s", name, commit, err, out)
		}
	}
	return bin
}
