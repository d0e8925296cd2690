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

// debian is a Debian of the tests': what it has beside its essential packages, and what of its
// packages it leaves out.
type debian struct {
	name, variant, packages, excluded string
	hooks                             []string // commands on the host, whose $1 is its root
}

// served is a Debian of minimal size with a server in it. An image needs no manuals.
func served() debian {
	return debian{name: "debian", variant: "minbase", packages: "nginx-light,procps",
		excluded: "/usr/share/man/* /usr/share/doc/* /usr/share/locale/* /usr/share/info/*"}
}

// databases is PostgreSQL, Redis and what they need to run, unpacked and no more: nothing of it has
// been configured. Both run as user 70, who has a directory /data; of PostgreSQL only the compiler of
// queries is missing.
func databases() debian {
	return debian{name: "databases", variant: "extract", packages: "bash,coreutils,dash,sed,grep,postgresql,redis-server",
		excluded: "/usr/share/man/* /usr/share/doc/* /usr/share/locale/* /usr/share/info/* /usr/share/i18n/* /usr/share/perl* /usr/lib/*/perl* " +
			"/usr/lib/postgresql/*/lib/bitcode/* /usr/lib/*/libLLVM* /usr/lib/*/libz3*",
		hooks: []string{
			`printf 'root:x:0:0:root:/root:/bin/bash\ndata:x:70:70::/tmp:/bin/bash\n' >"$1/etc/passwd"`,
			`mkdir -p "$1/data" && chown 70:70 "$1/data" && ln -s $(cd "$1" && ls -d usr/lib/postgresql/*/bin) "$1/pg"`,
		}}
}

// DebianTar is the path of the root file system of a real Debian, as a tar. It
// is made by mmdebstrap from the host's own mirrors, and kept in .cache below
// the checkout; test processes that need it at the same time make it once.
func DebianTar(t testing.TB) string {
	t.Helper()
	return served().tar(t)
}

func (d debian) tar(t testing.TB) string {
	t.Helper()
	cache := filepath.Join(Root(), ".cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	suite, sources := debianSources(t)
	key := sha256.Sum256([]byte(suite + sources + d.packages + d.excluded + strings.Join(d.hooks, "")))
	path := filepath.Join(cache, fmt.Sprintf("%s-%s-%x.tar", d.name, suite, key[:4]))
	lock, err := os.OpenFile(filepath.Join(cache, d.name+".lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
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
	if err := d.make(t, suite, sources, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func (d debian) make(t testing.TB, suite, sources, path string) error {
	list := path + ".sources"
	part := path + ".part.tar"
	defer os.Remove(list)
	defer os.Remove(part)
	args := []string{"--quiet", "--variant=" + d.variant, "--include=" + d.packages}
	for pattern := range strings.FieldsSeq(d.excluded) {
		args = append(args, "--dpkgopt=path-exclude="+pattern)
	}
	for _, hook := range d.hooks {
		args = append(args, "--extract-hook="+hook)
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
