package server

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"berth/internal/fault"
)

// maxBody is how much JSON a request may carry; a seccomp profile in a create is
// by far the largest part of any.
const maxBody = 8 << 20

// checkJSON refuses a body that does not say that it is JSON, as Docker does.
func checkJSON(r *http.Request) error {
	kind := r.Header.Get("Content-Type")
	if kind == "" && (r.Body == nil || r.ContentLength == 0) {
		return nil
	}
	media, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "malformed Content-Type header (%s)", kind)
	}
	if media != "application/json" {
		return fault.New(fault.Invalid, "unsupported Content-Type header (%s): must be 'application/json'", kind)
	}
	return nil
}

// decodeOptional reads a JSON body into v; no body leaves v alone.
func (c *call) decodeOptional(v any) error {
	if err := checkJSON(c.r); err != nil {
		return err
	}
	if c.r.Body == nil || c.r.ContentLength == 0 {
		return nil
	}
	return c.decodeBody(v)
}

// decode reads a JSON body into v; there must be one.
func (c *call) decode(v any) error {
	if err := checkJSON(c.r); err != nil {
		return err
	}
	return c.decodeBody(v)
}

func (c *call) decodeBody(v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return fault.New(fault.Invalid, "invalid JSON: got EOF while reading request body")
		}
		return fault.Wrap(fault.Invalid, err, "invalid JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "unexpected content after JSON")
	}
	return nil
}
