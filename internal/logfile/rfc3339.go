package logfile

import (
	"bytes"
	"time"
)

// appendTime appends a time in UTC as RFC 3339 with as many digits of the
// second as it has.
func appendTime(b []byte, t time.Time) []byte { return t.UTC().AppendFormat(b, time.RFC3339Nano) }

// clock reads times that are mostly the same as the one before, or in the same second.
type clock struct {
	text []byte
	time time.Time
}

// read reads RFC 3339.
func (c *clock) read(b []byte) (time.Time, bool) {
	if len(c.text) > 0 && bytes.Equal(b, c.text) {
		return c.time, true
	}
	if len(c.text) > len(second) && len(b) > len(second) && b[len(b)-1] == 'Z' && bytes.Equal(b[:len(second)], c.text[:len(second)]) {
		if nano, ok := parseFraction(b[len(second) : len(b)-1]); ok {
			c.text = append(c.text[:0], b...)
			c.time = c.time.Add(time.Duration(nano - c.time.Nanosecond()))
			return c.time, true
		}
	}
	t, ok := parseTime(b)
	c.text = c.text[:0]
	if ok && b[len(b)-1] == 'Z' {
		c.text, c.time = append(c.text, b...), t
	}
	return t, ok
}

// parseTime reads RFC 3339, UTC without a detour.
func parseTime(b []byte) (time.Time, bool) {
	if t, ok := parseUTC(b); ok {
		return t, true
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	return t, err == nil
}

// second is the form of a time up to its fraction.
const second = "0000-00-00T00:00:00"

// parseUTC reads 2006-01-02T15:04:05[.999999999]Z, and no day that there is not.
func parseUTC(b []byte) (t time.Time, ok bool) {
	if len(b) <= len(second) || b[len(b)-1] != 'Z' {
		return t, false
	}
	for i := range len(second) {
		if c, d := second[i], b[i]; c == '0' && (d < '0' || d > '9') || c != '0' && d != c {
			return t, false
		}
	}
	nano, ok := parseFraction(b[len(second) : len(b)-1])
	if !ok {
		return t, false
	}
	two := func(i int) int { return int(b[i]-'0')*10 + int(b[i+1]-'0') }
	month, day, hour, minute, second := two(5), two(8), two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	t = time.Date(two(0)*100+two(2), time.Month(month), day, hour, minute, second, nano, time.UTC)
	return t, day <= 28 || t.Day() == day
}

// parseFraction reads nothing, or a point and one to nine digits, as nanoseconds.
func parseFraction(b []byte) (nano int, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != '.' || len(b) < 2 || len(b) > 10 {
		return 0, false
	}
	for i := 1; i < 10; i++ {
		nano *= 10
		if i < len(b) {
			if b[i] < '0' || b[i] > '9' {
				return 0, false
			}
			nano += int(b[i] - '0')
		}
	}
	return nano, true
}
