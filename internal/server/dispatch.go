package server

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
	"berth/internal/server/compat"
)

// call is one request on its way through a handler.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	name    string // what stands for {id} or {name} in the path
	part    string // what stands for a second one
	version compat.Version
	query   url.Values
}

// dispatcher finds the route of a request. Fixed paths are looked up; those with
// a name in them are tried in table order, grouped by their first word.
type dispatcher struct {
	fixed map[string]*route   // "GET /images/json"
	named map[string][]*route // "GET images"
}

// newDispatcher indexes a table of routes.
func newDispatcher(table []route) *dispatcher {
	d := &dispatcher{fixed: map[string]*route{}, named: map[string][]*route{}}
	for i := range table {
		r := &table[i]
		open := strings.IndexByte(r.path, '{')
		if open < 0 {
			d.fixed[r.method+" "+r.path] = r
			continue
		}
		r.before, r.after = r.path[:open], r.path[strings.IndexByte(r.path, '}')+1:]
		if second := strings.IndexByte(r.after, '{'); second >= 0 {
			r.middle, r.after = r.after[:second], ""
		}
		key := r.method + " " + firstWord(r.path)
		d.named[key] = append(d.named[key], r)
	}
	for _, routes := range d.named {
		// A longer tail first: names may hold slashes, so /x/{id} would swallow /x/{id}/logs.
		slices.SortStableFunc(routes, func(a, b *route) int { return len(b.middle+b.after) - len(a.middle+a.after) })
	}
	return d
}

// find returns the route of a method and a path without version, and the names in it.
// The first may hold slashes: whatever stands between the fixed parts is the name.
func (d *dispatcher) find(method, path string) (found *route, name, part string) {
	if r := d.fixed[method+" "+path]; r != nil {
		return r, "", ""
	}
	for _, r := range d.named[method+" "+firstWord(path)] {
		if len(path) <= len(r.before)+len(r.after) || !strings.HasPrefix(path, r.before) || !strings.HasSuffix(path, r.after) {
			continue
		}
		name = path[len(r.before) : len(path)-len(r.after)]
		if r.middle == "" {
			return r, name, ""
		}
		if at := strings.LastIndex(name, r.middle); at > 0 && at+len(r.middle) < len(name) && !strings.Contains(name[at+len(r.middle):], "/") {
			return r, name[:at], name[at+len(r.middle):]
		}
	}
	return nil, "", ""
}

func firstWord(path string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return word
}

// ServeHTTP answers one request of any API version.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Server", s.serverHeader)
	h.Set("Api-Version", compat.Max.String())
	h.Set("Ostype", "linux")
	h.Set("Docker-Experimental", "false")
	if r.Method == http.MethodOptions {
		return // anything may be asked, as at Docker's: 200 and nothing else
	}
	word, path := compat.Split(r.URL.Path)
	found, name, part := s.dispatch.find(r.Method, path)
	if found == nil {
		writeError(w, errPageNotFound)
		return
	}
	c := &call{w: w, r: r, name: name, part: part, version: compat.Max}
	if err := serve(found, word, c); err != nil {
		writeError(w, err)
	}
}

func serve(found *route, version string, c *call) (err error) {
	if version != "" {
		if c.version, err = compat.Parse(version); err != nil {
			return err
		}
	}
	if found.handle == nil {
		return fault.New(fault.Unsupported, "%s %s is not supported yet by berth", found.method, found.path)
	}
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return fault.As(fault.Invalid, err)
	}
	return found.handle(c)
}

// flag reads a boolean query parameter as Docker does: "", 0, no, false and none are false.
func (c *call) flag(key string) bool { return truth(c.query.Get(key)) }

func truth(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// number reads an integer query parameter; nil when it is not there.
func (c *call) number(key string) (*int, error) {
	word := c.query.Get(key)
	if word == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid value %q for %s: it must be a whole number", word, key)
	}
	return &n, nil
}

// size reads the h and w of a resize request.
func (c *call) size() (height, width uint, err error) {
	for _, p := range []struct {
		key  string
		into *uint
	}{{"h", &height}, {"w", &width}} {
		n, err := strconv.ParseUint(c.query.Get(p.key), 10, 16)
		if err != nil {
			return 0, 0, fault.New(fault.Invalid, "invalid resize size: %s=%q is not a number of characters", p.key, c.query.Get(p.key))
		}
		*p.into = uint(n)
	}
	return height, width, nil
}

// noContent answers 204, or passes err on.
func (c *call) noContent(err error) error {
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// json answers v with 200, or passes err on.
func (c *call) json(v any, err error) error {
	if err == nil {
		writeJSON(c.w, http.StatusOK, v)
	}
	return err
}
