package opts

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

// Volumes reads -v values. Those with a source become binds for the host
// configuration, with relative paths made absolute; a path alone is an
// anonymous volume.
func Volumes(values []string) (binds []string, anonymous map[string]struct{}, err error) {
	anonymous = map[string]struct{}{}
	seen := map[string]bool{}
	for _, v := range values {
		if seen[v] {
			continue
		}
		seen[v] = true
		source, rest, err := splitVolume(v)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("invalid spec: %s: %w", v, err)
		case rest == "":
			anonymous[source] = struct{}{}
		default:
			if strings.HasPrefix(source, ".") {
				if source, err = filepath.Abs(source); err != nil {
					return nil, nil, err
				}
			}
			binds = append(binds, source+":"+rest)
		}
	}
	return binds, anonymous, nil
}

// splitVolume cuts at the first colon that does not belong to a Windows drive
// and checks the rest's shape: target[:options].
func splitVolume(v string) (source, rest string, err error) {
	if v == "" {
		return "", "", fmt.Errorf("invalid empty volume spec")
	}
	if len(v) <= 2 {
		return v, "", nil
	}
	var sections []string
	start := 0
	for i := 0; i <= len(v); i++ {
		if i < len(v) && v[i] != ':' {
			continue
		}
		if i-start == 1 && i < len(v) && unicode.IsLetter(rune(v[start])) {
			continue
		}
		if i == start {
			return "", "", fmt.Errorf("empty section between colons")
		}
		sections = append(sections, v[start:i])
		start = i + 1
	}
	switch {
	case len(sections) > 3:
		return "", "", fmt.Errorf("too many colons")
	case len(sections) == 1:
		return v, "", nil
	}
	return sections[0], strings.Join(sections[1:], ":"), nil
}

// Tmpfs reads --tmpfs values, path[:options].
func Tmpfs(values []string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	for _, v := range values {
		path, options, _ := strings.Cut(v, ":")
		out[path] = options
	}
	return out
}
