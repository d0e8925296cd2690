// Package view is what a client sees of a log's entries.
package view

import (
	"bytes"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	"berth/internal/fault"
	"berth/internal/logfile"
)

// fixed is RFC 3339 with nine digits, which makes columns.
const fixed = "2006-01-02T15:04:05.000000000Z07:00"

// View chooses entries and what is said of them.
type View struct {
	Stdout, Stderr bool
	Timestamps     bool
	Details        bool
	Grep           *regexp.Regexp // what a line, or a part of a long one, has to match; nil for any

	attrs   map[string]string // the latest details
	details []byte            // the same, as shown
}

// Pattern reads an expression for Grep; an empty one is none.
func Pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid value for \"grep\": %v", err)
	}
	return re, nil
}

// Append appends what is shown of an entry, or reports that nothing is.
func (v *View) Append(b []byte, e logfile.Entry) ([]byte, bool) {
	if e.Stream == "stderr" && !v.Stderr || e.Stream != "stderr" && !v.Stdout {
		return b, false
	}
	if v.Grep != nil && !v.Grep.Match(bytes.TrimSuffix(bytes.TrimSuffix(e.Line, []byte("\n")), []byte("\r"))) {
		return b, false
	}
	if v.Timestamps {
		b = append(appendFixed(b, e.Time), ' ')
	}
	if v.Details {
		if v.details == nil || !maps.Equal(v.attrs, e.Attrs) {
			v.attrs, v.details = e.Attrs, appendDetails([]byte{}, e.Attrs)
		}
		b = append(append(b, v.details...), ' ')
	}
	return append(b, e.Line...), true
}

func appendFixed(b []byte, t time.Time) []byte { return t.UTC().AppendFormat(b, fixed) }

// appendDetails appends names and values as Docker does: in order, escaped as in a query, with commas.
func appendDetails(b []byte, attrs map[string]string) []byte {
	for i, key := range slices.Sorted(maps.Keys(attrs)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, url.QueryEscape(key)...), '='), url.QueryEscape(attrs[key])...)
	}
	return b
}
