//go:build linux

package params

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// engine is one of the two, with the containers that it has made for an endpoint.
type engine struct {
	*testing.T
	socket  string
	version string            // of the API: "v1.41"
	suffix  string            // of its containers' names, so that endpoints do not meet
	ids     map[string]string // of containers and execs, by their names here
	ever    map[string]string // the names of all IDs that there have been
	begin   time.Time
}

// patience is how long an answer may take.
const patience = harness.Patience / 8

// request is one that is about to be sent.
type request struct {
	method, target, kind, body string
	note                       string // a name for the ID that is answered
	upgrade                    bool
}

// parse reads a request as the table writes it. What stands in braces is put in.
func (e *engine) parse(spec string) request {
	method, rest, _ := strings.Cut(spec, " ")
	target, text, _ := strings.Cut(rest, " ")
	r := request{method: method}
	target, r.note, _ = strings.Cut(target, "#")
	if name, ok := strings.CutPrefix(target, "/containers/create?name={"); ok {
		r.note, _, _ = strings.Cut(name, "}")
	}
	if bare, ok := strings.CutPrefix(target, "="); ok {
		r.target = bare
	} else {
		r.target = "/" + e.version + target
	}
	if text != "" {
		r.kind = "application/json"
	}
	if strings.HasPrefix(text, "[") {
		if kind, after, ok := strings.Cut(text[1:], "] "); ok && !strings.ContainsAny(kind, `{",`) {
			r.kind, text = kind, after
		}
	}
	r.target, r.body = e.expand(r.target), e.expand(text)
	return r
}

// expand puts in what stands in braces.
func (e *engine) expand(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(word string) string {
		m := placeholder.FindStringSubmatch(word)
		name, part := m[1], m[2]
		if b, ok := archive(e.T, strings.Trim(word, "{}")); ok {
			return string(b)
		}
		switch {
		case name == "begin":
			return seconds(e.begin)
		case name == "now":
			return seconds(time.Now())
		case name == "last":
			return e.ids["last"]
		case part == "id":
			return e.id(name)
		case part == "short":
			return e.id(name)[:12]
		}
		return name + "-" + e.suffix
	})
}

// seconds is a moment as the API's queries have it.
func seconds(at time.Time) string { return fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()) }

func (e *engine) id(name string) string {
	if e.ids[name] == "" {
		e.Fatalf("%s has no ID yet", name)
	}
	return e.ids[name]
}

// learn keeps an ID that was answered.
func (e *engine) learn(name string, body []byte) {
	var made struct{ ID string }
	if json.Unmarshal(body, &made) != nil || made.ID == "" {
		return
	}
	e.ids["last"] = made.ID
	if name == "" {
		name = "made"
	} else {
		e.ids[name] = made.ID
	}
	e.ever[made.ID] = name
}

// masked puts names for IDs and times, and the table's names for the containers'.
func (e *engine) masked(text string) string {
	for id, name := range e.ever {
		text = strings.ReplaceAll(text, id, "<"+name+">")
		text = strings.ReplaceAll(text, id[:12], "<"+name+".short>")
	}
	text = anyMoment.ReplaceAllString(strings.ReplaceAll(text, "-"+e.suffix, ""), "<moment>")
	text = hostRoot.ReplaceAllString(text, "<root>")
	return anyTime.ReplaceAllString(anyID.ReplaceAllString(text, "<id>"), "<time>")
}

// exchange is a connection with the head of the answer read.
type exchange struct {
	*http.Response
	conn net.Conn
	rest *bufio.Reader
}

// send sends a request and reads the answer's head.
func (e *engine) send(r request) *exchange {
	e.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "unix", e.socket)
	if err != nil {
		e.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		e.Fatal(err)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: engine\r\n", r.method, r.target)
	switch {
	case strings.Contains(r.target, "/attach/ws") && r.upgrade:
		head.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://elsewhere\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	case r.upgrade:
		head.WriteString("Connection: Upgrade\r\nUpgrade: tcp\r\n")
	default:
		head.WriteString("Connection: close\r\n")
	}
	if r.kind != "" {
		fmt.Fprintf(&head, "Content-Type: %s\r\n", r.kind)
	}
	if r.body != "" || r.method == http.MethodPost || r.method == http.MethodPut {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(r.body))
	}
	if _, err := io.WriteString(conn, head.String()+"\r\n"+r.body); err != nil {
		e.Fatalf("%s %s: %v", r.method, r.target, err)
	}
	rest := bufio.NewReader(conn)
	resp, err := http.ReadResponse(rest, &http.Request{Method: r.method})
	if err != nil {
		e.Fatalf("%s %s: %v", r.method, r.target, err)
	}
	return &exchange{resp, conn, rest}
}

// do sends a request of which only the status is of interest, and the ID that is answered.
func (e *engine) do(spec string) int {
	e.Helper()
	r := e.parse(spec)
	x := e.send(r)
	defer x.conn.Close()
	b, err := io.ReadAll(x.Body)
	if err != nil {
		e.Fatalf("%s: %v", spec, err)
	}
	e.learn(r.note, b)
	return x.StatusCode
}

// prepare sends requests of which the last must succeed.
func (e *engine) prepare(specs []string) {
	e.Helper()
	for i, spec := range specs {
		if status := e.do(spec); status >= 400 && i == len(specs)-1 {
			e.Errorf("%s: %s was answered %d", e.version, spec, status)
		}
	}
}

// try sends a try and tells the answer and its effect, a line each.
func (e *engine) try(t Try, values []string) []string {
	e.Helper()
	e.prepare(t.Before)
	r := e.parse(t.Request)
	r.upgrade = t.Upgrade || strings.Contains(r.target, "/attach/ws") && r.method == http.MethodGet && t.Before != nil
	x := e.send(r)
	defer x.conn.Close()
	if x.StatusCode < 300 {
		e.type_(x, r, t.Input)
		for _, spec := range t.During {
			e.do(spec)
		}
	}
	lines := e.describe(x, r, values, t.Take)
	for _, spec := range t.After {
		if x.StatusCode >= 300 && strings.HasPrefix(spec, "POST") {
			continue // nothing has been brought about that could be waited for
		}
		for _, line := range e.look(spec) {
			lines = append(lines, "then "+spec+": "+line)
		}
	}
	return lines
}

// type_ types into a connection that is taken over.
func (e *engine) type_(x *exchange, r request, text string) {
	if text == "" {
		return
	}
	if strings.Contains(r.target, "/attach/ws") {
		text = string([]byte{0x82, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text // one frame, with a mask of zeros
	}
	if _, err := io.WriteString(x.conn, text); err != nil {
		e.Errorf("%s: %v", r.target, err)
	}
}

// look tells the status of a request, and of its answer what is asked for.
func (e *engine) look(spec string) []string {
	e.Helper()
	method, rest, _ := strings.Cut(spec, " ")
	target, fields, _ := strings.Cut(rest, " ")
	r := e.parse(method + " " + target)
	x := e.send(r)
	defer x.conn.Close()
	lines := e.body(x, r, strings.Split(fields, ","), 0)
	out := []string{fmt.Sprint(x.StatusCode)}
	for _, line := range lines {
		if fields == "" || strings.Contains(line, " = ") {
			out = append(out, line)
		}
	}
	return out
}
