//go:build linux

package params

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
)

var (
	anyID     = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	anyTime   = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	hostRoot  = regexp.MustCompile(`/tmp/[^\s"]*/overlay2/[^\s"/]*/merged`) // of a container of Docker's
	anyMoment = regexp.MustCompile(`\b\d{10}\.\d{9}\b`)
	product   = regexp.MustCompile(`^\w+/\S+ \(linux\)$`)
	version   = regexp.MustCompile(`^1\.\d+$`)
)

// describe tells an answer, a line each thing.
func (e *engine) describe(x *exchange, r request, values []string, take int) []string {
	lines := append([]string{fmt.Sprint("status ", x.StatusCode)}, e.headers(x.Header)...)
	return append(lines, e.body(x, r, values, take)...)
}

// headers are an answer's, but for those that tell of the moment and of the program.
func (e *engine) headers(h http.Header) []string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(h)) {
		value := strings.Join(h[key], " | ")
		switch {
		case key == "Date" || key == "Content-Length":
			continue
		case key == "Location" && strings.HasPrefix(value, "/v1."):
			value = "<path without empty or dotted parts>"
		case key == "Server" && product.MatchString(value):
			value = "<product>"
		case key == "Api-Version" && version.MatchString(value):
			value = "<version>"
		case key == "X-Docker-Container-Path-Stat":
			text, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				e.Errorf("%s: %v", key, err)
			}
			value = string(text)
		}
		lines = append(lines, "header "+key+": "+e.masked(value))
	}
	return lines
}

// body tells what an answer says.
func (e *engine) body(x *exchange, r request, values []string, take int) []string {
	e.Helper()
	kind := x.Header.Get("Content-Type")
	if x.StatusCode == http.StatusSwitchingProtocols {
		if x.Header.Get("Upgrade") == "websocket" {
			return e.streams(frames(x.rest))
		}
		b, err := io.ReadAll(x.rest)
		return e.streams(b, err)
	}
	if take > 0 {
		dec := json.NewDecoder(x.Body)
		var all []byte
		for range take {
			var v json.RawMessage
			if err := dec.Decode(&v); err != nil {
				e.Errorf("%s: %v", r.target, err)
				break
			}
			all = append(all, v...)
		}
		return e.json(all, values)
	}
	b, err := io.ReadAll(x.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		e.Fatalf("%s %s does not end; so far: %q", r.method, r.target, b)
	}
	if err != nil {
		return []string{"body cut off: " + err.Error()}
	}
	e.learn(r.note, b)
	switch {
	case len(b) == 0:
		return nil
	case kind == "application/json" && x.StatusCode >= 400:
		return []string{"body " + e.masked(strings.TrimSpace(string(b)))}
	case kind == "application/json":
		return e.json(b, values)
	case kind == "application/x-tar" || kind == "application/octet-stream" && len(b) > 512:
		return e.tar(b)
	case strings.HasPrefix(kind, "application/vnd.docker") || kind == "application/octet-stream" || kind == "":
		return e.streams(b, nil)
	}
	return []string{fmt.Sprintf("body %q", e.masked(string(b)))}
}

// streams are the outputs in frames, each put together, or the one that is without.
func (e *engine) streams(b []byte, err error) []string {
	var lines []string
	outputs := map[byte][]byte{}
	rest := b
	for len(rest) >= 8 && rest[0] <= 2 && bytes.Equal(rest[1:4], []byte{0, 0, 0}) {
		n := int(binary.BigEndian.Uint32(rest[4:]))
		if len(rest) < 8+n {
			break
		}
		outputs[rest[0]] = append(outputs[rest[0]], rest[8:8+n]...)
		rest = rest[8+n:]
	}
	for _, stream := range slices.Sorted(maps.Keys(outputs)) {
		lines = append(lines, fmt.Sprintf("output %d: %q", stream, e.masked(string(outputs[stream]))))
	}
	if len(rest) > 0 {
		lines = append(lines, fmt.Sprintf("output: %q", e.masked(string(rest))))
	}
	if err != nil {
		lines = append(lines, "output cut off: "+err.Error())
	}
	return lines
}

// frames reads what a websocket is sent, in the order of the programs' outputs.
func frames(r *bufio.Reader) ([]byte, error) {
	var words []string
	for {
		head := make([]byte, 2)
		_, err := io.ReadFull(r, head)
		n := int(head[1] & 0x7f)
		if err == nil && n == 126 {
			long := make([]byte, 2)
			_, err = io.ReadFull(r, long)
			n = int(binary.BigEndian.Uint16(long))
		}
		payload := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(r, payload)
		}
		if errors.Is(err, io.EOF) || err == nil && head[0]&0x0f == 8 {
			slices.Sort(words) // the two outputs come in any order
			return []byte(strings.Join(words, "")), nil
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.SplitAfterSeq(string(payload), "\n") {
			words = append(words, line)
		}
	}
}

// tar lists an archive.
func (e *engine) tar(b []byte) []string {
	var lines []string
	for tr := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := tr.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				lines = append(lines, "archive: "+err.Error())
			}
			slices.Sort(lines)
			return lines
		}
		lines = append(lines, fmt.Sprintf("archive has %c %s %o %d:%d %d %s", h.Typeflag, h.Name, h.Mode, h.Uid, h.Gid, h.Size, h.Linkname))
	}
}

// json tells the keys and types of JSON values, and the wanted values.
func (e *engine) json(b []byte, wanted []string) []string {
	lines := map[string]bool{}
	var values []string
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	for {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return []string{"not JSON: " + err.Error(), fmt.Sprintf("body %q", b)}
		}
		walk("", v, func(path string, v any) {
			path = strings.TrimPrefix(path, ".")
			lines[fmt.Sprintf("shape %s: %s", path, sort(v))] = true
			if slices.Contains(wanted, path) {
				text, err := json.Marshal(v)
				if err != nil {
					e.Fatal(err)
				}
				values = append(values, fmt.Sprintf("value %s = %s", path, e.masked(string(text))))
			}
		})
	}
	shape := slices.Sorted(maps.Keys(lines))
	for i := range shape {
		shape[i] = e.masked(shape[i])
	}
	return append(shape, values...)
}

// walk visits a JSON value and all in it, in the order of the keys.
func walk(path string, v any, visit func(string, any)) {
	visit(path, v)
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walk(path+"."+key, v[key], visit)
		}
	case []any:
		for _, one := range v {
			walk(path+"[]", one, visit)
		}
	}
}

func sort(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "list"
	}
	return "object"
}
