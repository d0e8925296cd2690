package server

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"berth/internal/fault"
)

// filters are the values of each filter key.
type filters map[string][]string

// parseFilters reads {"k":["v"]}, or the older {"k":{"v":true}}, and refuses keys
// that are not accepted.
func parseFilters(text string, accepted ...string) (filters, error) {
	if text == "" {
		return nil, nil
	}
	f := filters{}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		f = filters{}
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

// boolean reads a filter that is true or false; ok is false when it is not there.
func (f filters) boolean(key string) (value, ok bool, err error) {
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

// labelsMatch reports whether all of the filter's labels ("k" or "k=v") are there.
func labelsMatch(want []string, have map[string]string) bool {
	for _, w := range want {
		key, value, exact := strings.Cut(w, "=")
		got, ok := have[key]
		if !ok || exact && got != value {
			return false
		}
	}
	return true
}

// until reads the bound of a prune; zero is none.
func (f filters) until(now time.Time) (time.Time, error) {
	words := f["until"]
	switch {
	case len(words) == 0:
		return time.Time{}, nil
	case len(words) > 1:
		return time.Time{}, fault.New(fault.Invalid, "more than one until filter specified")
	case words[0] == "0": // the epoch here, and no bound elsewhere
		return time.Unix(0, 0), nil
	}
	at, err := parseTime("until", words[0], now)
	if err != nil || at.IsZero() {
		return at, fault.New(fault.Invalid, "failed to parse value as time or duration: %q", words[0])
	}
	return at, nil
}

// pruneLabels reports whether a prune takes what has these labels: all that label
// asks for, and not all that label! speaks of.
func (f filters) pruneLabels(have map[string]string) bool {
	return labelsMatch(f["label"], have) && (len(f["label!"]) == 0 || !labelsMatch(f["label!"], have))
}
