//go:build linux

package criu

import "strings"

// mostErrors is how many lines of a log are worth quoting.
const mostErrors = 5

// Errors are the last lines of criu's log that tell of errors.
func Errors(log string) []string {
	var out []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "Error") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out[max(0, len(out)-mostErrors):]
}
