package params

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Try is one request of an endpoint with what goes before it and after it.
type Try struct {
	Title                 string // the parameter and its value, for people
	Request               string
	Before, During, After []string
	Input                 string
	Take                  int
	Upgrade               bool
	Want                  string // of berth alone, by the description of the newest version; "" where both are asked
}

// Tries are an endpoint's requests: each value of each parameter, each parameter left out, and the rest.
func (e *Endpoint) Tries() []Try {
	var out []Try
	absent := map[string]bool{}
	for i := range e.Params {
		p := &e.Params[i]
		values := slices.Concat(p.Good, p.Edge, p.Bad)
		for _, v := range values {
			out = append(out, e.try(p, v, true))
		}
		for _, n := range p.Newer {
			t := e.try(p, n.Value, true)
			t.Want = n.Want
			out = append(out, t)
		}
		if row := e.Row(p); !absent[row] {
			absent[row] = true
			out = append(out, e.try(p, "", false))
		}
	}
	for _, r := range e.More {
		out = append(out, Try{Title: r, Request: r, Before: e.Before, After: e.After})
	}
	return out
}

// try is a request with one value of a parameter, or without it.
func (e *Endpoint) try(p *Param, value string, given bool) Try {
	t := Try{
		Title: p.In + " " + p.Name + "=" + value, Input: p.Input, Take: p.Take, Upgrade: p.Upgrade,
		Before: either(p.Before, e.Before), During: either(p.During, e.During), After: either(p.After, e.After),
	}
	if !given {
		t.Title = "without " + p.In + " " + p.Name
	}
	if t.Take == 0 {
		t.Take = e.Take
	}
	method, path, _ := strings.Cut(e.Name, " ")
	id, text := "{main}", e.Body
	if p.Body != "" {
		text = p.Body
	}
	if p.At != "" {
		id = "{" + p.At + "}"
	}
	var query []string
	for _, q := range either(p.Query, e.Query) {
		if p.In != "query" || !strings.HasPrefix(q, p.Name+"=") {
			query = append(query, escaped(q))
		}
	}
	switch p.In {
	case "path":
		id = value
	case "body":
		text = value
	case "query":
		if given {
			query = append(query, escaped(p.Name+"="+value))
		}
	}
	if strings.Contains(e.Name, "/exec/{id}") && p.In != "path" {
		id = "{exec.id}"
	}
	t.Request = method + " " + strings.Replace(path, "{id}", id, 1)
	if len(query) > 0 {
		t.Request += "?" + strings.Join(query, "&")
	}
	if text != "" {
		t.Request += " " + text
	}
	return t
}

// escaped keeps what stands in braces, for which something else is put.
func escaped(pair string) string {
	key, value, _ := strings.Cut(pair, "=")
	value = url.QueryEscape(value)
	for _, name := range placeholder.FindAllString(pair, -1) {
		value = strings.ReplaceAll(value, url.QueryEscape(name), name)
	}
	return key + "=" + value
}

// placeholder is a name in braces, and what is meant of it.
var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9]*)(?:\.([a-z]+))?\}`)

func either(a, b []string) []string {
	if a != nil {
		return a
	}
	return b
}
