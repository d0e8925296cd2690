package opts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Security is what --security-opt values mean for a create request. Paths are
// nil for the daemon's defaults and empty for none.
type Security struct {
	Options                    []string
	MaskedPaths, ReadonlyPaths []string
}

// ParseSecurity reads --security-opt values. A seccomp profile's file is read
// here, since the daemon may be elsewhere; systempaths=unconfined is the client's.
func ParseSecurity(values []string) (Security, error) {
	var s Security
	for _, v := range values {
		if v == "systempaths=unconfined" {
			s.MaskedPaths, s.ReadonlyPaths = []string{}, []string{}
			continue
		}
		key, val, ok := strings.Cut(v, "=")
		if !ok && key != "no-new-privileges" {
			key, val, ok = strings.Cut(v, ":")
		}
		if (!ok || val == "") && key != "no-new-privileges" {
			return Security{}, fmt.Errorf("Invalid --security-opt: %q", v) //nolint:staticcheck // Docker's text
		}
		if key == "seccomp" && val != "builtin" && val != "unconfined" {
			profile, err := os.ReadFile(val)
			if err != nil {
				return Security{}, fmt.Errorf("opening seccomp profile (%s) failed: %w", val, err)
			}
			var b bytes.Buffer
			if err := json.Compact(&b, profile); err != nil {
				return Security{}, fmt.Errorf("compacting json for seccomp profile (%s) failed: %w", val, err)
			}
			v = "seccomp=" + b.String()
		}
		s.Options = append(s.Options, v)
	}
	return s, nil
}
