//go:build linux

package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"

	"golang.org/x/crypto/bcrypt"
)

// rights are the rules of the tests here: ci may do everything below team, who
// has a password may pull that, and everybody may pull what is public.
const rights = `{"rights": [
	{"users": ["ci"], "repositories": ["team/**", "public/**"], "may": ["pull", "push", "delete"], "catalog": true},
	{"users": ["*"], "repositories": ["team/**"], "may": ["pull"]},
	{"anonymous": true, "repositories": ["public/**"], "may": ["pull"]}]}`

// written writes a file for the test, and returns its path.
func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// htpasswd is a file with users whose password is secret.
func htpasswd(t *testing.T, users ...string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, u := range users {
		lines.WriteString(u + ":" + string(hash) + "\n")
	}
	return written(t, "htpasswd", lines.String())
}

// certify writes a certificate for 127.0.0.1 that is signed by itself.
func certify(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{key: {Type: "PRIVATE KEY", Bytes: secret}, cert: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSkopeoAuthenticatesByPasswordAndByToken(t *testing.T) {
	for name, flags := range map[string][]string{"password": nil, "token": {"--tokens"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			certify(t, cert, key, 1)
			s := start(t, append(flags, "--tls-cert", cert, "--tls-key", key, "--htpasswd", htpasswd(t, "ci", "reader"), "--policy", written(t, "policy.json", rights))...)
			from := "oci:" + busyboxLayout(t) + ":busybox"
			push := func(creds, repo string) (string, error) {
				return try(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--dest-creds", creds, from, "docker://"+s.addr+"/"+repo)
			}
			look := func(creds, repo string) (string, error) {
				return try(t, "skopeo", "inspect", "--tls-verify=false", creds, "docker://"+s.addr+"/"+repo)
			}
			for _, repo := range []string{"team/a:1", "public/a:1"} {
				if out, err := push("ci:secret", repo); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			if out, err := push("ci:wrong", "team/a:2"); err == nil {
				t.Errorf("a wrong password pushed: %s", out)
			}
			if out, err := push("reader:secret", "team/a:2"); err == nil || !strings.Contains(out, "denied") && !strings.Contains(out, "may not") {
				t.Errorf("who may only read pushed: %v %s", err, out)
			}
			if out, err := look("--creds=reader:secret", "team/a:1"); err != nil {
				t.Errorf("who may read cannot: %v %s", err, out)
			}
			if out, err := look("--no-creds", "team/a:1"); err == nil {
				t.Errorf("nobody in particular can read: %s", out)
			}
			if name == "token" { // by password, clients ask for one at their first request
				if out, err := look("--no-creds", "public/a:1"); err != nil {
					t.Errorf("nobody in particular cannot read what is public: %v %s", err, out)
				}
			}
			if out, err := try(t, "skopeo", "delete", "--tls-verify=false", "--creds=reader:secret", "docker://"+s.addr+"/team/a:1"); err == nil {
				t.Errorf("who may only read deleted: %s", out)
			}
			tool(t, "skopeo", "delete", "--tls-verify=false", "--creds=ci:secret", "docker://"+s.addr+"/team/a:1")
		})
	}
}

func TestDockersClientLogsInAndGetsTokens(t *testing.T) {
	d := harness.StartDockerd(t)
	pid, err := os.ReadFile(filepath.Join(d.Dir(), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	s := startIn(t, []string{harness.Tool(t, "nsenter"), "-t", strings.TrimSpace(string(pid)), "-n"},
		"--tokens", "--htpasswd", htpasswd(t, "ci", "reader"), "--policy", written(t, "policy.json", rights))
	docker := d.Client(t)
	login := func(user, password string) harness.Result {
		return docker.In(strings.NewReader(password)).Run("login", "--username", user, "--password-stdin", s.addr)
	}
	if r := login("ci", "wrong"); r.Code == 0 || !strings.Contains(r.Stderr, "unauthorized") {
		t.Errorf("a login with a wrong password: %d %s %s", r.Code, r.Stdout, r.Stderr)
	}
	docker.Must("tag", "busybox", s.addr+"/team/busybox")
	docker.Must("tag", "busybox", s.addr+"/public/busybox")
	if r := login("reader", "secret"); r.Code != 0 {
		t.Fatalf("login: %s", r.Stderr)
	}
	if r := docker.Run("push", s.addr+"/team/busybox"); r.Code == 0 || !strings.Contains(r.Stderr+r.Stdout, "denied") {
		t.Errorf("who may only read pushed: %d %s %s", r.Code, r.Stdout, r.Stderr)
	}
	if r := login("ci", "secret"); r.Code != 0 {
		t.Fatalf("login: %s", r.Stderr)
	}
	docker.Must("push", s.addr+"/team/busybox")
	docker.Must("push", s.addr+"/public/busybox")
	docker.Must("logout", s.addr)
	docker.Must("pull", s.addr+"/public/busybox")
	if r := docker.Run("pull", s.addr+"/team/busybox"); r.Code == 0 || !strings.Contains(r.Stderr, "denied") {
		t.Errorf("a pull by nobody in particular: %d %s", r.Code, r.Stderr)
	}
}

func TestARenewedCertificateIsServedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certify(t, cert, key, 1)
	s := start(t, "--tls-cert", cert, "--tls-key", key)
	serial := func() int64 {
		c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("serial %d", n)
	}
	if err := os.WriteFile(cert, []byte("half of a certific"), 0o600); err != nil {
		t.Fatal(err)
	}
	wait(t, "the broken certificate is looked at", func() bool { _ = serial(); return strings.Contains(s.log.String(), "the one before holds") })
	if n := serial(); n != 1 {
		t.Errorf("with a broken certificate: serial %d", n)
	}
	certify(t, cert, key, 2)
	wait(t, "the next certificate is served", func() bool { return serial() == 2 })
}

func TestRulesAreReadAgainOnAHangup(t *testing.T) {
	policy := written(t, "policy.json", `{"quotas": [{"repositories": ["**"], "size": "10B"}]}`)
	s := start(t, "--policy", policy)
	put := func() int {
		return ask(t, "POST", "http://"+s.addr+"/v2/a/blobs/uploads/?digest="+digestOf("more than ten"), "more than ten").status
	}
	if got := put(); got != 403 {
		t.Errorf("over the quota: %d", got)
	}
	change := func(content, says string) {
		if err := os.WriteFile(policy, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Process.Signal(syscall.SIGHUP)
		wait(t, says, func() bool { return strings.Contains(s.log.String(), says) })
	}
	change(`{`, "the one before holds")
	if got := put(); got != 403 {
		t.Errorf("with a policy that cannot be read: %d", got)
	}
	change(`{}`, "was read again")
	if got := put(); got != 201 {
		t.Errorf("without a quota: %d", got)
	}
}

// wait polls until something holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(harness.Patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after %s: %s", harness.Patience, what)
		}
	}
}
