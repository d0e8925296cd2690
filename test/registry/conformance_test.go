//go:build linux

package registry

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"berth/test/harness"
)

// checks is the fewest results that a whole run of the conformance program has:
// with fewer, some of it was left out.
const checks = 830

func TestTheConformanceProgramOfTheSpecificationFindsNothingWrong(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "conformance")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/opencontainers/distribution-spec/conformance")
	build.Dir = filepath.Join(harness.Root(), "test", "registry", "conformance")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the conformance program: %v\n%s", err, out)
	}
	s := start(t, "--sparse")
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = dir
	// Every group is on: those of the next version of the specification too.
	cmd.Env = append(os.Environ(), "OCI_VERSION=dev", "OCI_DATA_SPARSE=true", "OCI_TLS=disabled", "OCI_REGISTRY="+s.addr, "OCI_RESULTS_DIR="+dir)
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
