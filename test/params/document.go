package params

import (
	"fmt"
	"strings"
)

// Document is docs/params.md.
func Document(list []Endpoint) string {
	var b strings.Builder
	b.WriteString(`# Every endpoint and parameter about containers, and what it is tried with

Made by ` + "`go run ./tools/params`" + ` from test/params; a test fails when the two differ, or when the API has an endpoint or
a parameter of these areas that is missing here. Each value, and the parameter left out, is sent to Debian's docker.io and to
berth: status, headers, body and effect are the same, or the difference is listed with its reason in
test/params/testdata/differences.tsv. Values marked * are of parameters that docker.io is too old for: their
answers are compared with the description of the newest version.

| endpoint | parameter | good | at the edge | bad |
|---|---|---|---|---|
`)
	for i := range list {
		e := &list[i]
		if len(e.Params) == 0 {
			fmt.Fprintf(&b, "| %s | | | | |\n", e.Name)
		}
		for j := range e.Params {
			p := &e.Params[j]
			good := values(p.Good)
			for _, n := range p.Newer {
				good = strings.TrimPrefix(good+" "+values([]string{n.Value})+"*", " ")
			}
			fmt.Fprintf(&b, "| %s | %s %s | %s | %s | %s |\n", e.Name, p.In, p.Name, good, values(p.Edge), values(p.Bad))
		}
	}
	return b.String()
}

func values(list []string) string {
	var out []string
	for _, v := range list {
		out = append(out, "`"+strings.NewReplacer("|", `\|`, "\n", "⏎", "\x00", "␀").Replace(v)+"`")
	}
	return strings.ReplaceAll(strings.Join(out, " "), "``", "(empty)")
}
