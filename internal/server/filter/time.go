package filter

import (
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
)

// Time reads seconds[.nanoseconds] since the epoch, RFC 3339, or a duration
// back from now. Empty and 0 mean no time.
func Time(what, word string, now time.Time) (time.Time, error) {
	if word == "" || word == "0" {
		return time.Time{}, nil
	}
	whole, frac, _ := strings.Cut(word, ".")
	if sec, err := strconv.ParseInt(whole, 10, 64); err == nil {
		nano, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		if err == nil {
			return time.Unix(sec, nano), nil
		}
	}
	if d, err := time.ParseDuration(word); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, word); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "invalid value for %q: %q is neither a Unix time, nor RFC 3339, nor a duration", what, word)
}
