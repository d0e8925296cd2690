// Package filter reads the filters of lists and prunes, and selects by them.
package filter

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"berth/internal/fault"
)

// Set is the values of each filter key.
type Set map[string][]string

// Parse reads {"k":["v"]}, or the older {"k":{"v":true}}, and refuses keys
// that are not accepted.
func Parse(text string, accepted ...string) (Set, error) {
	if text == "" {
		return nil, nil
	}
	f := Set{}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		f = Set{}
		var old map[string]map[string]bool
		if err := json.Unmarshal([]byte(text), &old); err != nil {
			return nil, fault.New(fault.Invalid, "invalid filter")
		}
		for key, values := range old {
			for value := range values {
				f[key] = append(f[key], value)
			}
		}
	}
	for key := range f {
		if !slices.Contains(accepted, key) {
			return nil, fault.New(fault.Invalid, "invalid filter '%s'", key)
		}
	}
	return f, nil
}

// Bool reads a filter that is true or false; ok is false when it is not there.
func (f Set) Bool(key string) (value, ok bool, err error) {
	switch words := f[key]; {
	case len(words) == 0:
		return false, false, nil
	case len(words) == 1 && (words[0] == "1" || strings.EqualFold(words[0], "true")):
		return true, true, nil
	case len(words) == 1 && (words[0] == "0" || strings.EqualFold(words[0], "false")):
		return false, true, nil
	default:
		return false, false, fault.New(fault.Invalid, "invalid filter '%s=%s'", key, words)
	}
}

// Labels reports whether all of the filter's labels ("k" or "k=v") are there.
func Labels(want []string, have map[string]string) bool {
	for _, w := range want {
		key, value, exact := strings.Cut(w, "=")
		got, ok := have[key]
		if !ok || exact && got != value {
			return false
		}
	}
	return true
}

// Until reads the bound of a prune; zero is none.
func (f Set) Until(now time.Time) (time.Time, error) {
	words := f["until"]
	switch {
	case len(words) == 0:
		return time.Time{}, nil
	case len(words) > 1:
		return time.Time{}, fault.New(fault.Invalid, "more than one until filter specified")
	case words[0] == "0": // the epoch here, and no bound elsewhere
		return time.Unix(0, 0), nil
	}
	at, err := Time("until", words[0], now)
	if err != nil || at.IsZero() {
		return at, fault.New(fault.Invalid, "failed to parse value as time or duration: %q", words[0])
	}
	return at, nil
}

// PruneLabels reports whether a prune takes what has these labels: all that label
// asks for, and not all that label! speaks of.
func (f Set) PruneLabels(have map[string]string) bool {
	return Labels(f["label"], have) && (len(f["label!"]) == 0 || !Labels(f["label!"], have))
}
