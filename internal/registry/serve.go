package registry

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"
)

// request is one request, taken apart.
type request struct {
	*http.Request
	grammar.Route
}

// handler answers one kind of request.
type handler func(w http.ResponseWriter, r request) error

// verbs are the methods that a kind of path has.
type verbs map[string]handler

func (s *Server) verbs(k grammar.Kind) verbs {
	from, to, change := reads{s.Content}, pushes{s.Intake, s}, changes{s.Changes}
	switch k {
	case grammar.Ping:
		return verbs{"GET": s.ping, "HEAD": s.ping}
	case grammar.Catalog:
		return verbs{"GET": from.catalog, "HEAD": from.catalog}
	case grammar.Tags:
		return verbs{"GET": from.tags, "HEAD": from.tags}
	case grammar.Manifest:
		return verbs{"GET": from.getManifest, "HEAD": from.getManifest, "PUT": s.changing(change.putManifest), "DELETE": s.changing(change.deleteManifest)}
	case grammar.Blob:
		return verbs{"GET": from.getBlob, "HEAD": from.getBlob, "DELETE": s.changing(change.deleteBlob)}
	case grammar.Uploads:
		return verbs{"POST": s.taking(to.begin)}
	case grammar.Upload:
		return verbs{"GET": s.taking(to.status), "HEAD": s.taking(to.status), "PATCH": s.taking(to.patch), "PUT": s.taking(to.finish), "DELETE": s.taking(to.cancel)}
	case grammar.Referrers:
		return verbs{"GET": from.referrers, "HEAD": from.referrers}
	}
	return nil
}

// reads, pushes and changes have the handlers, each over the interface that it needs.
type (
	reads  struct{ content Content }
	pushes struct {
		intake Intake
		guard  *Server
	}
	changes struct{ to Changes }
)

// taking refuses pushes where nothing is taken.
func (s *Server) taking(h handler) handler {
	if s.Intake == nil {
		return s.readOnly
	}
	return h
}

// changing refuses changes where nothing can be changed.
func (s *Server) changing(h handler) handler {
	if s.Changes == nil {
		return s.readOnly
	}
	return h
}

func (s *Server) readOnly(http.ResponseWriter, request) error {
	return refusal.New(refusal.Unsupported, "%s", s.ReadOnly)
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := s.serve(w, r); err != nil {
		s.refuse(w, r, err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	route, err := grammar.ParsePath(r.URL.Path)
	if err != nil {
		return err
	}
	list := s.verbs(route.Kind)
	do, ok := list[r.Method]
	if !ok {
		e := refusal.New(refusal.Unsupported, "%s cannot be done here", r.Method)
		e.Header = http.Header{"Allow": {list.allow()}}
		return e
	}
	if err := s.check(r, needs(r.Method, route)...); err != nil {
		return err
	}
	return do(w, request{r, route})
}

func (v verbs) allow() string {
	var found []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if v[m] != nil {
			found = append(found, m)
		}
	}
	return strings.Join(found, ", ")
}

func (s *Server) check(r *http.Request, need ...Need) error {
	if s.Guard == nil {
		return nil
	}
	return s.Guard.Check(r, need...)
}

// open reports that whoever may do anything may read everything.
func (s *Server) open() bool { return s.Guard == nil || s.Guard.Open() }

// needs are the rights that a request takes.
func needs(method string, r grammar.Route) []Need {
	switch {
	case r.Kind == grammar.Ping:
		return nil
	case r.Kind == grammar.Catalog:
		return []Need{{Catalog: true}}
	case r.Kind == grammar.Uploads || r.Kind == grammar.Upload || method == http.MethodPut:
		return []Need{{Repo: r.Repo, Right: Pull}, {Repo: r.Repo, Right: Store}}
	case method == http.MethodDelete:
		return []Need{{Repo: r.Repo, Right: Delete}}
	}
	return []Need{{Repo: r.Repo, Right: Pull}}
}

// refuse answers an error in the specification's form.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody listens
	}
	e := refusal.Of(err)
	if own := (*refusal.Error)(nil); !errors.As(err, &own) || e.HTTP() >= http.StatusInternalServerError {
		s.Failed(r, err)
	}
	for k, v := range e.Header {
		w.Header()[k] = v
	}
	type entry struct {
		Code    refusal.Code `json:"code"`
		Message string       `json:"message"`
		Detail  any          `json:"detail,omitempty"`
	}
	writeJSON(w, e.HTTP(), "application/json", map[string][]entry{"errors": {{e.Code, e.Text, e.Detail}}})
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // of our own types
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	body = append(body, '\n')
	writeBody(w, status, kind, body)
}

func writeBody(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", itoa(int64(len(body))))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that goes hears nothing
}

func (s *Server) ping(w http.ResponseWriter, r request) error {
	if err := s.check(r.Request, Need{Right: Pull}); err != nil {
		return err
	}
	writeBody(w, http.StatusOK, "application/json", []byte("{}"))
	return nil
}

// drain reads what is left of a small body, so that its connection can be used again.
func drain(r *http.Request) { _, _ = io.CopyN(io.Discard, r.Body, 64<<10) }
