package opts

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timestamp turns what people write for --since and --until into Unix seconds
// with nanoseconds: a Go duration back from now, RFC 3339 or a part of it, or
// seconds already. Times without a zone are local.
func Timestamp(v string, now time.Time) (string, error) {
	if v == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(v); v != "0" && err == nil {
		return seconds(now.Add(-d)), nil
	}
	for _, layout := range layouts(v) {
		if t, err := time.ParseInLocation(layout, v, time.Local); err == nil {
			return seconds(t), nil
		}
	}
	whole, fraction, _ := strings.Cut(v, ".")
	if _, err := strconv.ParseInt(whole, 10, 64); err == nil {
		if _, err := strconv.ParseUint("0"+fraction, 10, 64); err == nil {
			return v, nil
		}
	}
	return "", fmt.Errorf("failed to parse value as time or duration: %q", v)
}

// layouts lists the forms that a value can have, by its separators.
func layouts(v string) []string {
	if strings.Count(v, "-") < 2 || len(v) < len("2006-01-02") {
		return nil
	}
	return []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02T15Z07:00", "2006-01-02T15",
		"2006-01-02Z07:00", "2006-01-02",
	}
}

func seconds(t time.Time) string {
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}
