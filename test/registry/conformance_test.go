//go:build linux

package registry

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

// checks is the fewest results that a whole run of the conformance program has:
// with fewer, some of it was left out.
const checks = 820

func TestTheConformanceProgramOfTheSpecificationFindsNothingWrong(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "conformance")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/opencontainers/distribution-spec/conformance")
	build.Dir = filepath.Join(harness.Root(), "test", "registry", "conformance")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the conformance program: %v\n%s", err, out)
	}
	t.Run("open", func(t *testing.T) {
		conforms(t, program, start(t, "--sparse"), false, "OCI_TLS=disabled")
	})
	t.Run("with TLS and tokens", func(t *testing.T) {
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		certify(t, cert, key, 1)
		policy := `{"rights": [{"users": ["ci"], "repositories": ["conformance/*"], "may": ["pull", "push", "delete"]}]}`
		s := start(t, "--sparse", "--tls-cert", cert, "--tls-key", key, "--tokens", "--htpasswd", htpasswd(t, "ci"), "--policy", written(t, "policy.json", policy))
		conforms(t, program, s, true, "SSL_CERT_FILE="+cert, "OCI_TLS=enabled", "OCI_USERNAME=ci", "OCI_PASSWORD=secret")
	})
}

// conforms runs the program with every group on, those of the next version of
// the specification too. secret says that not everybody may read everything.
func conforms(t *testing.T, program string, s *server, secret bool, env ...string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "OCI_VERSION=dev", "OCI_DATA_SPARSE=true", "OCI_REGISTRY="+s.addr, "OCI_RESULTS_DIR="+dir), env...)
	out, runErr := cmd.CombinedOutput()
	b, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err != nil {
		t.Fatalf("%v (%v)\n%s", err, runErr, out)
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Name   string `xml:"name,attr"`
				Status string `xml:"status,attr"`
				Output string `xml:"system-err"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	results := map[string]int{}
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			results[c.Status]++
			// Where not everybody may read everything, a blob is not mounted from anywhere:
			// the answer would tell that somebody has it. The upload that it becomes is fine.
			if c.Status == "skipped" && secret && strings.Contains(c.Name, "/mount anonymous") {
				results["passed"]++
				continue
			}
			if c.Status != "passed" {
				t.Errorf("%s %s:\n%.2000s", c.Name, c.Status, c.Output)
			}
		}
	}
	t.Logf("the conformance program: %v", results)
	if results["passed"] < checks || runErr != nil {
		t.Errorf("%d results, and at least %d were expected (%v)", results["passed"], checks, runErr)
	}
}
