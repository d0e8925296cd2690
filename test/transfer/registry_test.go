//go:build linux

package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// registry is a small one in memory, that hands out tokens. What is asked of it passes through faults.
type registry struct {
	*httptest.Server
	mu        sync.Mutex
	blobs     map[string][]byte // by repository and digest
	manifests map[string]manifest
	uploads   map[string]*bytes.Buffer
	fault     *faulty
	busy      int // requests that are being answered
	idle      *sync.Cond
	seen      []string // the requests of this case, as the faults name them
	sent      int64    // bytes of blobs that went out
	taken     int64    // bytes of blobs that came in
	mounts    bool     // blobs are taken from other repositories
	last      int      // the number of the last upload
}

type manifest struct {
	kind string
	body []byte
}

func newRegistry(t testing.TB) *registry {
	r := &registry{}
	r.idle = sync.NewCond(&r.mu)
	r.reset()
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *registry) host() string { return strings.TrimPrefix(r.URL, "http://") }

// reset forgets everything.
func (r *registry) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs, r.manifests, r.uploads = map[string][]byte{}, map[string]manifest{}, map[string]*bytes.Buffer{}
}

// begin begins a case.
func (r *registry) begin(f *faulty) {
	r.settle()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault, r.seen, r.sent, r.taken = f, nil, 0, 0
}

func (r *registry) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy += n; r.busy == 0 {
		r.idle.Broadcast()
	}
}

// settle waits for requests that nobody waits for any more.
func (r *registry) settle() {
	wait := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for r.busy > 0 {
			r.idle.Wait()
		}
	}
	wait()
	r.CloseClientConnections()
	wait()
}

// halves are the bytes of uploads that have not come to their end.
func (r *registry) halves() int64 {
	r.settle()
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int64(0)
	for _, u := range r.uploads {
		n += int64(u.Len())
	}
	return n
}

// moved are the bytes of blobs that went out and came in, and how much of blobs there is.
func (r *registry) moved() (sent, taken, whole int64) {
	r.settle()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.blobs {
		whole += int64(len(b))
	}
	return r.sent, r.taken, whole
}

// name is how a fault calls a request: by what it is about, and the how-manieth of its kind it is.
func (r *registry) name(req *http.Request) string {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	what := parts[len(parts)-1]
	switch {
	case len(parts) > 2 && parts[len(parts)-2] == "manifests":
		what = "manifest"
	case len(parts) > 2 && parts[len(parts)-2] == "blobs":
		what = "blob"
	case strings.Contains(req.URL.Path, "/blobs/uploads"):
		what = "upload"
	}
	class := req.Method + " " + what
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 1
	for _, s := range r.seen {
		if strings.HasPrefix(s, class+" ") {
			n++
		}
	}
	name := class + " " + strconv.Itoa(n)
	r.seen = append(r.seen, name)
	return name
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.count(1)
	defer r.count(-1)
	name := r.name(req)
	r.mu.Lock()
	f := r.fault
	r.mu.Unlock()
	if f != nil && f.falls(r, req) {
		panic(http.ErrAbortHandler)
	}
	if f != nil && f.hits(name) {
		f.spoil(r, w, req)
		return
	}
	r.serve(w, req)
}

func (r *registry) serve(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/token" {
		fmt.Fprint(w, `{"token":"T"}`)
		return
	}
	if req.Header.Get("Authorization") != "Bearer T" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+r.URL+`/token",service="test"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	if repo, ok := strings.CutSuffix(path, "/tags/list"); ok {
		r.tags(w, repo)
		return
	}
	for kind, serve := range map[string]func(w http.ResponseWriter, req *http.Request, repo, what string){
		"/manifests/": r.manifest, "/blobs/uploads/": r.upload, "/blobs/sha256:": r.blob,
	} {
		if repo, what, ok := strings.Cut(path, kind); ok {
			serve(w, req, repo, what)
			return
		}
	}
	refuse(w, http.StatusNotFound, "UNSUPPORTED", "no such page")
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, text)
}

func (r *registry) manifest(w http.ResponseWriter, req *http.Request, repo, ref string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method == http.MethodPut {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		m := manifest{req.Header.Get("Content-Type"), body}
		d := digest.FromBytes(body).String()
		r.manifests[repo+"@"+d], r.manifests[repo+"@"+ref] = m, m
		w.Header().Set("Docker-Content-Digest", d)
		w.WriteHeader(http.StatusCreated)
		return
	}
	m, ok := r.manifests[repo+"@"+ref]
	if !ok {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", m.kind)
	w.Header().Set("Docker-Content-Digest", digest.FromBytes(m.body).String())
	w.Header().Set("Content-Length", strconv.Itoa(len(m.body)))
	_, _ = w.Write(m.body)
}

func (r *registry) tags(w http.ResponseWriter, repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tags := []string{}
	for key := range r.manifests {
		if tag, ok := strings.CutPrefix(key, repo+"@"); ok && !strings.Contains(tag, ":") {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	_ = json.NewEncoder(w).Encode(map[string]any{"tags": tags})
}

func (r *registry) blob(w http.ResponseWriter, req *http.Request, repo, hex string) {
	r.mu.Lock()
	b, ok := r.blobs[repo+"@sha256:"+hex]
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	count := &counter{ResponseWriter: w}
	http.ServeContent(count, req, "", epoch(), bytes.NewReader(b))
	if req.Method == http.MethodGet {
		r.mu.Lock()
		r.sent += count.n
		r.mu.Unlock()
	}
}

func (r *registry) upload(w http.ResponseWriter, req *http.Request, repo, id string) {
	body, err := io.ReadAll(req.Body) // of a body that breaks off the beginning is kept
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken += int64(len(body))
	if from := req.URL.Query().Get("from"); from != "" && r.mounts {
		if b, ok := r.blobs[from+"@"+req.URL.Query().Get("mount")]; ok {
			r.blobs[repo+"@"+req.URL.Query().Get("mount")] = b
			w.WriteHeader(http.StatusCreated)
			return
		}
	}
	if req.Method == http.MethodPost {
		r.last++
		id = strconv.Itoa(r.last)
		r.uploads[id] = &bytes.Buffer{}
		r.answerUpload(w, repo, id, http.StatusAccepted)
		return
	}
	u := r.uploads[id]
	if u == nil {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return
	}
	if from, _, ok := strings.Cut(req.Header.Get("Content-Range"), "-"); ok && from != strconv.Itoa(u.Len()) {
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "not where it stopped")
		return
	}
	u.Write(body)
	switch {
	case err != nil:
	case req.Method == http.MethodGet:
		r.answerUpload(w, repo, id, http.StatusNoContent)
	case req.Method == http.MethodPatch:
		r.answerUpload(w, repo, id, http.StatusAccepted)
	case digest.FromBytes(u.Bytes()).String() != req.URL.Query().Get("digest"):
		delete(r.uploads, id)
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
	default:
		r.blobs[repo+"@"+req.URL.Query().Get("digest")] = u.Bytes()
		delete(r.uploads, id)
		w.WriteHeader(http.StatusCreated)
	}
}

func (r *registry) answerUpload(w http.ResponseWriter, repo, id string, status int) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(r.uploads[id].Len()-1, 0)))
	w.WriteHeader(status)
}

// counter counts what goes out. What is written for a client that has gone, of which nobody knows how much it got, is not counted: it may
// be an answer to a request of the pull before, which that pull did not wait for.
type counter struct {
	http.ResponseWriter
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	if err == nil {
		c.n += int64(n)
	}
	return n, err
}
