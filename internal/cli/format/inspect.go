package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/template"

	"berth/internal/cli/session"
)

// Inspected is one object: its JSON, and a typed form for templates or nil.
type Inspected struct {
	Raw   []byte
	Typed any
}

// InspectedAs gives raw its typed form. A newer daemon's answer that T cannot hold has
// none, and still shows as JSON.
func InspectedAs[T any](raw []byte) Inspected {
	var typed T
	if json.Unmarshal(raw, &typed) != nil {
		return Inspected{Raw: raw}
	}
	return Inspected{Raw: raw, Typed: &typed}
}

// Inspect prints objects as an indented JSON array, as one line ("json"), or
// with a template, and then fails with what could not be found.
func Inspect(out io.Writer, refs []string, format string, get func(ref string) (Inspected, error)) error {
	write := printJSON(out, format == "json")
	if format != "" && format != "json" {
		tmpl, err := Parse(format)
		if err != nil {
			return &session.StatusError{Code: 64, Text: fmt.Sprintf("template parsing error: %v", err), Cause: err}
		}
		write = printTemplate(out, tmpl)
	}
	var objects []Inspected
	var errs []error
	for _, ref := range refs {
		o, err := get(ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		objects = append(objects, o)
	}
	errs = append(errs, write(objects))
	if err := errors.Join(errs...); err != nil {
		return &session.StatusError{Code: 1, Text: err.Error(), Cause: err}
	}
	return nil
}

func printJSON(out io.Writer, oneLine bool) func([]Inspected) error {
	return func(objects []Inspected) error {
		var all, buf bytes.Buffer
		all.WriteByte('[')
		for i, o := range objects {
			if i > 0 {
				all.WriteByte(',')
			}
			all.Write(o.Raw)
		}
		all.WriteByte(']')
		indent := func() error { return json.Indent(&buf, all.Bytes(), "", "    ") }
		if oneLine {
			indent = func() error { return json.Compact(&buf, all.Bytes()) }
		}
		if err := indent(); err != nil {
			return fmt.Errorf("unable to read inspect data: %w", err)
		}
		// Indent keeps a trailing newline of the source.
		_, err := out.Write(append(bytes.TrimRight(buf.Bytes(), "\n"), '\n'))
		return err
	}
}

func printTemplate(out io.Writer, tmpl *template.Template) func([]Inspected) error {
	return func(objects []Inspected) error {
		var buf bytes.Buffer
		var errs []error
		for _, o := range objects {
			text, err := render(tmpl, o)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			buf.Write(text)
			buf.WriteByte('\n')
		}
		if buf.Len() == 0 {
			buf.WriteByte('\n')
		}
		_, err := buf.WriteTo(out)
		return errors.Join(append(errs, err)...)
	}
}

// render tries the typed form first, whose names are those of Go's fields, and
// then the JSON, which also has fields that our types do not know.
func render(tmpl *template.Template, o Inspected) ([]byte, error) {
	var buf bytes.Buffer
	if o.Typed != nil {
		if err := tmpl.Execute(&buf, o.Typed); err == nil {
			return buf.Bytes(), nil
		}
	}
	buf.Reset()
	var raw any
	dec := json.NewDecoder(bytes.NewReader(o.Raw))
	dec.UseNumber()
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("unable to read inspect data: %w", err)
	}
	if err := tmpl.Option("missingkey=error").Execute(&buf, raw); err != nil {
		return nil, fmt.Errorf("template parsing error: %w", err)
	}
	return buf.Bytes(), nil
}
