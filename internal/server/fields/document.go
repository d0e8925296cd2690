package fields

import (
	"fmt"
	"strings"
)

// Document is docs/fields.md.
func Document() string {
	var b strings.Builder
	b.WriteString(`# What a create may say, field by field

Made by ` + "`go run ./tools/fields`" + ` from internal/server/fields; a test fails when the two differ, when a field of
the API is missing, or when a test that is named here does not exist.

- **honoured**: it has an effect, which the test reads, most of them inside the container.
- **kept**: it decides nothing on Linux, or here; inspect shows it.
- **refused**: the create fails with the error that is given here. Nothing is ignored without a word.

| field | becomes | how | test, or error |
|---|---|---|---|
`)
	for _, r := range List() {
		last := "`" + r.Test + "`"
		if r.How == Refused {
			last = "“" + r.Says + "”"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Name, r.How, cell(r.What), cell(last))
	}
	return b.String()
}

// cell keeps a text in its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
