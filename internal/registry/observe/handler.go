package observe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"berth/internal/registry/grammar"
)

// idle is how long a body may bring nothing before its request is given up.
const idle = 2 * time.Minute

// Watch counts the requests to a handler, writes a line for each to log (nil for
// none), and gives up on bodies that bring nothing any more.
func (m *Metrics) Watch(next http.Handler, log io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		m.inFlight.Add(1)
		defer m.inFlight.Add(-1)
		out := &response{ResponseWriter: w, status: http.StatusOK}
		in := &body{ReadCloser: r.Body, control: http.NewResponseController(w)}
		r.Body = in
		next.ServeHTTP(out, r)
		took := time.Since(began)
		m.received.Add(in.bytes)
		m.sent.Add(out.bytes)
		m.observe(request{kindOf(r), methodOf(r), out.status}, took)
		if log != nil {
			fmt.Fprint(log, line(r, out, began, took))
		}
	})
}

// kindOf and methodOf have few values, whatever is asked: each is a series.
func kindOf(r *http.Request) string {
	route, err := grammar.ParsePath(r.URL.Path)
	if err != nil {
		return "other"
	}
	return string(route.Kind)
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
		return r.Method
	}
	return "other"
}

// line is a request as Apache's combined format has it, and the seconds it took.
// What the client has chosen is quoted: no line has another one inside.
func line(r *http.Request, out *response, began time.Time, took time.Duration) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	user, _, _ := r.BasicAuth()
	if user == "" {
		user = "-"
	} else if user = fmt.Sprintf("%q", user); len(user) > 64 {
		user = user[:64]
	}
	request := fmt.Sprintf("%s %s %s", r.Method, r.URL.EscapedPath(), r.Proto)
	return fmt.Sprintf("%s - %s [%s] %q %d %d %q %q %.3f\n", host, user, began.Format("02/Jan/2006:15:04:05 -0700"), request, out.status, out.bytes, r.Referer(), r.UserAgent(), took.Seconds())
}

// response notes what is answered. It leaves sendfile to the one below.
type response struct {
	http.ResponseWriter
	status  int
	bytes   int64
	decided bool
}

func (w *response) WriteHeader(status int) {
	if !w.decided && status >= http.StatusOK {
		w.status, w.decided = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.decided = true
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom is what io.Copy uses, and with a file in src the kernel copies.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	w.decided = true
	n, err := io.Copy(w.ResponseWriter, src)
	w.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// body counts what comes, and has a deadline that each of its parts moves on.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	bytes   int64
	moved   time.Time
}

func (b *body) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.moved) > time.Second {
		b.moved = now
		_ = b.control.SetReadDeadline(now.Add(idle)) // not every connection has one
	}
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if err != nil {
		// What follows the body is no part of it, and may take its time.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
