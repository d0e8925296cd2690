package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Header names a table's columns by placeholder.
type Header map[string]string

// Label returns the column name of a label: its last part in words.
func (Header) Label(name string) string {
	parts := strings.Split(name, ".")
	return strings.NewReplacer("-", " ", "_", " ").Replace(parts[len(parts)-1])
}

// Write prints rows with a --format value: "json", "table TEMPLATE" or a
// template. Rows are pointers whose exported methods are the placeholders.
func Write[Row any](out io.Writer, format string, header Header, rows []Row) error {
	text := Template(format)
	tmpl, err := Parse(text)
	if err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	var buf bytes.Buffer
	for _, row := range rows {
		if err := tmpl.Execute(&buf, row); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		buf.WriteByte('\n')
	}
	if !strings.HasPrefix(format, "table") {
		_, err = buf.WriteTo(out)
		return err
	}
	whole := bufio.NewWriterSize(out, 64<<10) // a tabwriter writes each cell by itself
	w := tabwriter.NewWriter(whole, 10, 1, 3, ' ', 0)
	// A header's template may call what only a row has; docker ignores that too.
	_ = tmpl.Funcs(headerFuncs()).Execute(w, header)
	_, _ = w.Write([]byte{'\n'})
	_, _ = buf.WriteTo(w)
	if err := w.Flush(); err != nil {
		return err
	}
	return whole.Flush()
}

// Template returns the template behind a --format value.
func Template(format string) string {
	switch format {
	case "table":
		return ""
	case "json":
		return "{{json .}}"
	}
	text := strings.Trim(strings.TrimPrefix(format, "table"), " ")
	return strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text)
}

// JSON encodes a row by its placeholders, in the order of their names.
func JSON(row any) ([]byte, error) {
	v := reflect.ValueOf(row)
	out := map[string]any{}
	for i := range v.NumMethod() {
		m := v.Method(i)
		name := v.Type().Method(i).Name
		if m.Type().NumIn() == 0 && m.Type().NumOut() == 1 {
			out[name] = m.Call(nil)[0].Interface()
		}
	}
	return json.Marshal(out)
}

// ShortID returns the first 12 digits of an ID, without its algorithm.
func ShortID(id string) string {
	if _, hex, ok := strings.Cut(id, ":"); ok {
		id = hex
	}
	if len(id) > 12 {
		id = id[:12]
	}
	return id
}

// Ellipsis shortens s to a number of characters, the last of them "…".
func Ellipsis(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	if width == 1 {
		return string([]rune(s)[:1])
	}
	return string([]rune(s)[:width-1]) + "…"
}
