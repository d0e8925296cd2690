//go:build linux

package integration

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"berth/test/harness"

	"golang.org/x/crypto/bcrypt"
)

// served starts `berth registry serve` and returns it and where it listens.
func served(t *testing.T, c harness.Client, more ...string) (p *harness.Process, host string) {
	t.Helper()
	p = c.Begin(append([]string{"registry", "serve", "--data", filepath.Join(t.TempDir(), "registry"), "--listen", "127.0.0.1:0"}, more...)...)
	where := regexp.MustCompile(`on http://(\S+)`)
	harness.Eventually(t, "a registry that serves", func() error {
		if found := where.FindStringSubmatch(p.Stderr()); found != nil {
			host = found[1]
			return nil
		}
		return errors.New("it does not say where it listens: " + p.Stderr())
	})
	return p, host
}

func TestOurClientMovesImagesBetweenTheEngineAndOurRegistry(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "berth")
	registry, host := served(t, c)
	busybox := d.Busybox()
	for _, name := range []string{host + "/one:1", host + "/two:1", host + "/deep/er/three:1"} {
		c.Must("tag", busybox, name)
		c.Prints(name, "push", "-q", name)
	}
	before := c.Must("image", "inspect", "-f", "{{.Id}}", host+"/one:1")
	c.Must("rmi", "-f", host+"/one:1", host+"/two:1", host+"/deep/er/three:1")
	c.Prints(host+"/one:1\n"+host+"/two:1\n"+host+"/deep/er/three:1", "pull", "-q", host+"/one:1", host+"/two:1", host+"/deep/er/three:1")
	c.Prints(before, "image", "inspect", "-f", "{{.Id}}", host+"/one:1")
	c.Prints("hello", "run", "--rm", "--pull", "always", "-q", "--network", "none", host+"/two:1", "echo", "hello")
	if r := c.Run("pull", host+"/one:1", host+"/none:1"); r.Code != 1 || !strings.HasSuffix(r.Stdout, "\n"+host+"/one:1\n") || !strings.Contains(r.Stderr, host+"/none:1: ") {
		t.Errorf("of two pulls one goes wrong: %+v", r)
	}
	if names := c.Must("search", "--format", "{{.Name}}", host+"/o"); !strings.Contains(names, "one") {
		t.Errorf("a search finds %q", names)
	}

	c.Must("manifest", "create", host+"/one:all", host+"/one:1", host+"/two:1")
	c.Must("manifest", "annotate", "--arch", "arm64", host+"/one:all", host+"/two:1")
	digest := strings.TrimSpace(lastLine(c.Must("manifest", "push", "--purge", host+"/one:all")))
	if out := c.Must("pull", host+"/one:all"); !strings.Contains(out, "Digest: "+digest+"\n") {
		t.Errorf("the pushed list is %s; the pull says\n%s", digest, out)
	}
	if r := c.Run("images", "--tree", host+"/one:all"); !strings.Contains(r.Stdout, "\n├─ linux/") || !strings.Contains(r.Stdout, "\n└─ linux/") {
		t.Errorf("the tree of a list of two:\n%s%s", r.Stdout, r.Stderr)
	}

	// The program has taken the client's place: what ends that ends the registry.
	registry.Signal(syscall.SIGTERM)
	if r := registry.Ends(); r.Code != 0 {
		t.Errorf("the registry ends with %d: %s", r.Code, r.Stderr)
	}
}

func TestOnlyWhoIsLoggedInMovesImagesOfAPrivateRegistry(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "berth").Env("DOCKER_CONFIG=" + t.TempDir())
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("user:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, more := range map[string][]string{"by password": nil, "by token": {"--tokens"}} {
		t.Run(what, func(t *testing.T) {
			_, host := served(t, c, append([]string{"--htpasswd", users}, more...)...)
			name := host + "/private:1"
			c.Must("tag", d.Busybox(), name)
			for _, line := range []string{"push " + name, "pull " + name, "manifest inspect " + name} {
				if r := c.Run(strings.Fields(line)...); r.Code != 1 || !strings.Contains(r.Stderr, "auth") {
					t.Errorf("%s without a login: %+v", line, r)
				}
			}
			c.Fails(1, "nauthorized", "login", "-u", "user", "-p", "wrong", host)
			if out := c.In(strings.NewReader("right\n")).Must("login", "-u", "user", "--password-stdin", host); !strings.Contains(out, "Login Succeeded") {
				t.Errorf("the login says %q", out)
			}
			c.Prints(name, "push", "-q", name)
			c.Prints(name, "pull", "-q", name)
			if out := c.Must("manifest", "inspect", name); !strings.Contains(out, `"schemaVersion": 2`) {
				t.Errorf("the manifest is %s", out)
			}
			c.Must("logout", host)
			if r := c.Run("pull", name); r.Code != 1 {
				t.Errorf("a pull after the logout: %+v", r)
			}
		})
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
