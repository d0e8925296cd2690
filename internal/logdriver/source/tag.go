package source

import (
	"bytes"
	"encoding/json"
	"strings"
	"text/template"
	"unicode"

	"berth/internal/fault"
)

// DefaultTag is the template of drivers that always have a tag.
const DefaultTag = "{{.ID}}"

// longestTag is more than any receiver takes.
const longestTag = 64 << 10

// Tag makes the tag by the template of the option "tag", or by another when there is none.
func (i *Info) Tag(otherwise string) (string, error) {
	text := i.Config["tag"]
	if text == "" {
		text = otherwise
	}
	if text == "" {
		return "", nil
	}
	t, err := template.New("log-tag").Funcs(functions()).Parse(text)
	if err != nil {
		return "", fault.As(fault.Invalid, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, i); err != nil {
		return "", fault.As(fault.Invalid, err)
	}
	if b.Len() > longestTag {
		return "", fault.New(fault.Invalid, "the log tag is longer than %d bytes", longestTag)
	}
	return b.String(), nil
}

// functions are those that Docker's templates have.
func functions() template.FuncMap {
	return template.FuncMap{
		"json": func(v any) (string, error) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err := e.Encode(v)
			return strings.TrimSpace(b.String()), err
		},
		"split":    strings.Split,
		"join":     strings.Join,
		"title":    title,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"pad":      pad,
		"truncate": func(s string, n int) string { return s[:min(len(s), max(n, 0))] },
	}
}

// title makes the first letter of each word a capital.
func title(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		start := !unicode.IsLetter(before) && !unicode.IsDigit(before) && before != '_' && before != '\''
		before = r
		if start {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

// pad puts spaces around what is not empty.
func pad(s string, before, after int) (string, error) {
	if s == "" {
		return s, nil
	}
	if before < 0 || after < 0 || before > longestTag || after > longestTag {
		return "", fault.New(fault.Invalid, "pad: %d and %d are not between 0 and %d", before, after, longestTag)
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after), nil
}
