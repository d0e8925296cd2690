// Package format turns answers into tables, templates and JSON the way
// docker's --format does.
package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/template"
)

// Parse reads a template with docker's functions.
func Parse(text string, funcs ...template.FuncMap) (*template.Template, error) {
	t := template.New("").Funcs(template.FuncMap{
		"json":     toJSON,
		"split":    strings.Split,
		"join":     join,
		"title":    title,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"pad":      pad,
		"truncate": truncate,
	})
	for _, f := range funcs {
		t = t.Funcs(f)
	}
	return t.Parse(text)
}

// headerFuncs leave a column's name as it is, whatever is done to its values.
func headerFuncs() template.FuncMap {
	same := func(v string) string { return v }
	same2 := func(v, _ string) string { return v }
	return template.FuncMap{
		"json": same, "split": same2, "join": same2, "title": same, "lower": same, "upper": same,
		"truncate": func(v string, _ int) string { return v },
	}
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

func pad(s string, before, after int) string {
	if s == "" {
		return s
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
}

func truncate(s string, n int) string {
	if len(s) < n {
		return s
	}
	return s[:n]
}

// title makes every word's first letter upper case.
func title(s string) string {
	out, start := []rune(s), true
	for i, r := range out {
		if start {
			out[i] = []rune(strings.ToUpper(string(r)))[0]
		}
		start = r == ' ' || r == '\t' || r == '-' || r == '\n'
	}
	return string(out)
}

func join(elems any, sep string) (string, error) {
	if elems == nil {
		return "", nil
	}
	var out []string
	switch v := reflect.ValueOf(elems); v.Kind() {
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			out = append(out, fmt.Sprint(v.Index(i).Interface()))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			out = append(out, fmt.Sprint(v.MapIndex(k).Interface()))
		}
		slices.Sort(out)
	default:
		return "", fmt.Errorf("expected slice, got %T", elems)
	}
	return strings.Join(out, sep), nil
}
