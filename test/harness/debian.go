//go:build linux

package harness

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What the tests' Debian has beside its essential packages, and what its
// packages leave out: an image needs no manuals.
const (
	debianPackages = "nginx-light,procps"
	debianExcluded = "/usr/share/man/* /usr/share/doc/* /usr/share/locale/* /usr/share/info/*"
)

// DebianTar is the path of the root file system of a real Debian, as a tar. It
// is made by mmdebstrap from the host's own mirrors, and kept in .cache below
// the checkout; test processes that need it at the same time make it once.
func DebianTar(t testing.TB) string {
	t.Helper()
	cache := filepath.Join(Root(), ".cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	suite, sources := debianSources(t)
	key := sha256.Sum256([]byte(suite + sources + debianPackages + debianExcluded))
	path := filepath.Join(cache, fmt.Sprintf("debian-%s-%x.tar", suite, key[:4]))
	lock, err := os.OpenFile(filepath.Join(cache, "debian.lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // and with it the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := makeDebian(t, suite, sources, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func makeDebian(t testing.TB, suite, sources, path string) error {
	list := path + ".sources"
	part := path + ".part.tar"
	defer os.Remove(list)
	defer os.Remove(part)
	args := []string{"--quiet", "--variant=minbase", "--include=" + debianPackages}
	for _, pattern := range strings.Fields(debianExcluded) {
		args = append(args, "--dpkgopt=path-exclude="+pattern)
	}
	args = append(args, suite, part)
	if sources != "" {
		if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
			return err
		}
		args = append(args, list)
	}
	cmd := exec.Command(Tool(t, "mmdebstrap"), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make a Debian: %w\n%s", err, out)
	}
	return os.Rename(part, path)
}

// debianSources finds what the host's apt says of its own distribution: the
// suite's name, and the one-line entries and deb822 stanzas about it. On a host
// that is not a Debian, mmdebstrap's own defaults for the stable one are taken.
func debianSources(t testing.TB) (suite, sources string) {
	t.Helper()
	release := osRelease()
	if release["ID"] != "debian" || release["VERSION_CODENAME"] == "" {
		return "stable", ""
	}
	suite = release["VERSION_CODENAME"]
	var lines, stanzas []string
	for _, path := range aptFiles() {
		b, err := os.ReadFile(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".sources") {
			for stanza := range strings.SplitSeq(string(b), "\n\n") {
				if isOfSuite(stanza, suite, "Suites:") {
					stanzas = append(stanzas, strings.Trim(stanza, "\n"))
				}
			}
			continue
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "deb ") && isOfSuite(line, suite, "deb") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	if len(stanzas) > 0 { // the two forms cannot be in one file
		return suite, strings.Join(stanzas, "\n\n") + "\n"
	}
	return suite, strings.Join(lines, "\n")
}

// isOfSuite reports that a line of the text that begins with a word names the
// suite, alone or with what Debian hangs behind its own (-updates, -security).
func isOfSuite(text, suite, begins string) bool {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != begins {
			continue
		}
		for _, end := range []string{"", "-updates", "-security"} {
			if slices.Contains(words, suite+end) {
				return true
			}
		}
	}
	return false
}

func aptFiles() []string {
	files := []string{"/etc/apt/sources.list"}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, err := filepath.Glob("/etc/apt/sources.list.d/" + pattern)
		if err == nil {
			files = append(files, found...)
		}
	}
	return files
}

// osRelease reads os-release(5).
func osRelease() map[string]string {
	values := map[string]string{}
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return values
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), "="); ok {
			values[name] = strings.Trim(value, `"`)
		}
	}
	return values
}
