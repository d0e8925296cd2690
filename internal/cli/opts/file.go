package opts

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ReadFiles returns the pairs of files, then those given directly. A line with
// a key alone takes its value from lookup; without one it is left out.
func ReadFiles(paths, direct []string, lookup func(string) (string, bool)) ([]string, error) {
	var out []string
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		pairs, err := parseLines(f, lookup)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("invalid env file (%s): %w", path, err)
		}
		out = append(out, pairs...)
	}
	return append(out, direct...), nil
}

// parseLines reads lines of KEY[=VALUE]. Values are kept as they are, quotes
// and blanks included; empty lines and those that start with # are skipped.
func parseLines(r io.Reader, lookup func(string) (string, bool)) ([]string, error) {
	var out []string
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		raw := scanner.Bytes()
		if !utf8.Valid(raw) {
			return nil, fmt.Errorf("invalid utf8 bytes at line %d: %v", n, raw)
		}
		if n == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
		}
		line := strings.TrimLeftFunc(string(raw), unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		key, _, hasValue := strings.Cut(line, "=")
		switch {
		case key == "":
			return nil, fmt.Errorf("no variable name on line '%s'", line)
		case strings.ContainsAny(key, blanks):
			return nil, fmt.Errorf("variable '%s' contains whitespaces", key)
		case hasValue:
			out = append(out, line)
		case lookup != nil:
			if value, ok := lookup(key); ok {
				out = append(out, key+"="+value)
			}
		}
	}
	return out, scanner.Err()
}

// ToMap turns key=value pairs into a map; a key without value is empty.
func ToMap(pairs []string) map[string]string {
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		out[key] = value
	}
	return out
}
