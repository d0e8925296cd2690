package config

import (
	"strings"
	"testing"

	"berth/internal/fault"
)

// FuzzWords gives every word to every parser: each takes it or refuses it as invalid, and what
// it takes makes sense.
func FuzzWords(f *testing.F) {
	for _, word := range []string{"", "c 1:1 rwm", "a *:* m", "b 4294967296:1 r", "0-2,7", "1-0", "0-4294967295", "one:ro,z", ":", "seccomp={}", "no-new-privileges", "label:type:x", "=", "writable-cgroups=1"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		invalid := func(err error) {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", word, err)
			}
		}
		if rules, err := DeviceRules([]string{word}); err != nil {
			invalid(err)
		} else if r := rules[0]; !strings.Contains("acb", r.Type) || r.Access == "" || r.Major != nil && *r.Major < 0 || r.Minor != nil && *r.Minor < 0 {
			t.Errorf("%q became %+v", word, r)
		}
		if list, why := parseList(word); why == "" {
			for i, n := range list {
				if n < 0 || n > maxListed || i > 0 && n <= list[i-1] {
					t.Errorf("%q has %d", word, n)
				}
			}
		}
		if name, mode, err := parseVolumesFrom(word); err != nil {
			invalid(err)
		} else if strings.Contains(name, ":") || len(mode) > 3 {
			t.Errorf("%q is of %q, %q", word, name, mode)
		}
		if _, err := ParseSecurity([]string{word}); err != nil {
			invalid(err)
		}
	})
}
