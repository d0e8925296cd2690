//go:build linux

package params

import (
	_ "embed"
	"strings"
	"testing"
)

// How the answers differ, and should: below each reason its lines, with the endpoint, the request
// ("every" for all of the endpoint), who says it, and what.
//
//go:embed testdata/differences.tsv
var differencesText string

// differences are those of the list, and whether they have been met.
type differences map[[4]string]*bool

func readDifferences(t *testing.T) differences {
	t.Helper()
	out := differences{}
	reason := ""
	for line := range strings.Lines(differencesText) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			reason = line
			continue
		}
		f := strings.SplitN(line, "\t", 4)
		if len(f) != 4 || reason == "" {
			t.Fatalf("a difference without a reason, or not one: %q", line)
		}
		out[[4]string(f)] = new(bool)
	}
	return out
}

// meant reports that a line is in the list.
func (d differences) meant(endpoint, request, who, line string) bool {
	for _, scope := range []string{request, "every"} {
		if met := d[[4]string{endpoint, scope, who, line}]; met != nil {
			*met = true
			return true
		}
	}
	return false
}

// unmet are an endpoint's that were not met.
func (d differences) unmet(endpoint string) []string {
	var out []string
	for key, met := range d {
		if key[0] == endpoint && !*met {
			out = append(out, strings.Join(key[:], " | "))
		}
	}
	return out
}
