//go:build linux

package transfer

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

func epoch() time.Time { return time.Unix(1, 0) }

// faulty spoils one request, or from one on all of its kind.
type faulty struct {
	kind   string
	at     string // the name of the request
	always bool   // it, and all of its kind after it
	struck atomic.Int32
	then   func() // is called when a registry has fallen
}

func (f *faulty) hits(name string) bool {
	if name == f.at {
		return f.struck.Add(1) > 0
	}
	class := f.at[:strings.LastIndexByte(f.at, ' ')+1]
	if f.always && f.struck.Load() > 0 && strings.HasPrefix(name, class) {
		f.struck.Add(1)
		return true
	}
	return false
}

// kinds are the ways in which an answer may be spoilt.
func kinds() []string {
	return []string{"cut", "half", "late", "truncate", "corrupt", "long", "html", "empty", "401", "403", "404", "416", "429", "500", "503"}
}

// spoil answers a request in a bad way. What has gone in stays in, if the answer is what is spoilt.
func (f *faulty) spoil(r *registry, w http.ResponseWriter, req *http.Request) {
	if code, err := strconv.Atoi(f.kind); err == nil {
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "0")
		}
		refuse(w, code, map[int]string{401: "UNAUTHORIZED", 403: "DENIED", 404: "NOT_FOUND", 416: "RANGE_INVALID", 429: "TOOMANYREQUESTS"}[code], "it was told to")
		return
	}
	if f.kind == "cut" {
		panic(http.ErrAbortHandler)
	}
	if f.kind == "half" && req.ContentLength > 1 { // of what comes in only a part arrives
		r.takeHalf(req)
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	r.serve(answer, req)
	body := answer.Body.Bytes()
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	length := len(body)
	switch f.kind {
	case "late":
		time.Sleep(20 * time.Millisecond)
	case "truncate":
		body = body[:length/2]
		length = len(body)
	case "half":
		body = body[:length/2]
	case "corrupt":
		if body = bytes.Clone(body); length > 0 {
			body[length/2] ^= 0x55
		}
		w.Header().Del("Docker-Content-Digest")
	case "long":
		body = append(bytes.Clone(body), "and more"...)
		length = len(body)
	case "html":
		body = []byte("<html>a proxy greets you</html>")
		length = len(body)
		w.Header().Set("Content-Type", "text/html")
		w.Header().Del("Docker-Content-Digest")
		w.Header().Del("Content-Range")
		answer.Code = http.StatusOK
	case "empty":
		body, length = nil, 0
		for key := range w.Header() {
			delete(w.Header(), key)
		}
	}
	if req.Method != http.MethodHead && answer.Code != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
	if len(body) < length {
		panic(http.ErrAbortHandler)
	}
}

// takeHalf takes the first half of a chunk, and of nothing else.
func (r *registry) takeHalf(req *http.Request) {
	body := make([]byte, req.ContentLength/2)
	n, _ := io.ReadFull(req.Body, body)
	half := req.Clone(req.Context())
	half.Body, half.ContentLength = http.NoBody, 0
	if n > 0 && req.Method == http.MethodPatch {
		half.Body = &brokenBody{bytes.NewReader(body[:n])}
		r.serve(httptest.NewRecorder(), half)
	}
}

// falls has the registry take half of the first layer that comes in, and then answer nobody any more.
func (f *faulty) falls(r *registry, req *http.Request) bool {
	if f.kind != "fall" || f.struck.Load() > 0 {
		return f.kind == "fall"
	}
	if req.Method != http.MethodPatch || req.ContentLength < 1000 {
		return false
	}
	f.struck.Add(1)
	r.takeHalf(req)
	if f.then != nil {
		f.then()
	}
	return true
}

// brokenBody ends with an error.
type brokenBody struct{ *bytes.Reader }

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.Len() == 0 {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.Reader.Read(p)
}

func (b *brokenBody) Close() error { return nil }
