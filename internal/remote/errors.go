package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"berth/internal/fault"

	"github.com/distribution/reference"
)

// Code is what a registry says was wrong (distribution-spec, "Error Codes").
type Code string

// The codes that are worded in a way of their own.
const (
	Denied          Code = "DENIED"
	Unauthorized    Code = "UNAUTHORIZED"
	ManifestUnknown Code = "MANIFEST_UNKNOWN"
	NameUnknown     Code = "NAME_UNKNOWN"
	TooMany         Code = "TOOMANYREQUESTS"
	Unknown         Code = "UNKNOWN"
)

// known are the codes that Docker knows; to it any other is the unknown one.
func (c Code) known() bool {
	switch c {
	case Denied, Unauthorized, ManifestUnknown, NameUnknown, TooMany, Unknown, "UNSUPPORTED", "UNAVAILABLE", "DIGEST_INVALID", "SIZE_INVALID",
		"NAME_INVALID", "TAG_INVALID", "MANIFEST_INVALID", "MANIFEST_UNVERIFIED", "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "BLOB_UPLOAD_UNKNOWN",
		"BLOB_UPLOAD_INVALID", "RANGE_INVALID", "PAGINATION_NUMBER_INVALID":
		return true
	}
	return false
}

// words are a code as a text.
func (c Code) words() string { return strings.ToLower(strings.ReplaceAll(string(c), "_", " ")) }

// Error is a registry's refusal.
type Error struct {
	Status int
	Code   Code   // of the first error it told; "" when it told none
	text   string // in Docker's words
	first  string // of the first error it told
}

func (e *Error) Error() string { return e.text }

// bodyLimit is how much of an error's body is read.
const bodyLimit = 64 << 10

// refusal reads what a registry answered instead of what was asked for. It closes the body.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, bodyLimit)) // of half a body half is known
	e := said(resp.StatusCode, body)
	return fault.As(kindOf(e), e)
}

// said words an error's body as Docker does.
func said(status int, body []byte) *Error {
	only := func(code Code, format string, args ...any) *Error {
		text := fmt.Sprintf(format, args...)
		return &Error{Status: status, Code: code, text: text, first: text}
	}
	if status >= 500 || status < 400 {
		return only("", "received unexpected HTTP status: %d %s", status, http.StatusText(status))
	}
	var told struct {
		Details string `json:"details"`
		Errors  []struct {
			Code    Code   `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	err := json.Unmarshal(body, &told)
	if err == nil && len(told.Errors) == 0 {
		err = errors.New("no error details found in HTTP response body")
	}
	switch {
	case err == nil:
	case told.Details != "" && status == http.StatusTooManyRequests:
		return only(TooMany, "toomanyrequests: %s", told.Details)
	case status == http.StatusUnauthorized:
		return only(Unauthorized, "unauthorized: authentication required")
	default:
		return only("", "error parsing HTTP %d response body: %v: %s", status, err, fault.Quoted(string(body)))
	}
	e := &Error{Status: status}
	for i, t := range told.Errors {
		if !t.Code.known() {
			t.Code = Unknown
		}
		if t.Message == "" {
			t.Message = t.Code.words()
		}
		text := t.Code.words() + ": " + t.Message
		if i == 0 {
			e.Code, e.first, e.text = t.Code, text, "errors:\n"
		}
		e.text += text + "\n"
	}
	if len(told.Errors) == 1 {
		e.text = e.first
	}
	return e
}

func kindOf(e *Error) fault.Kind {
	switch e.Status {
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fault.Unavailable
	}
	return fault.Internal
}

// PullError words what went wrong when ref was pulled, as Docker does. Whatever is not simply not there is to Docker a
// failure of its own.
func PullError(err error, ref reference.Named) error {
	var e *Error
	if !errors.As(err, &e) {
		return plain(err)
	}
	first := errors.New(e.first)
	switch e.Code {
	case Denied:
		return fault.Wrap(fault.NotFound, first, "pull access denied for %s, repository does not exist or may require 'docker login'", reference.FamiliarName(ref))
	case ManifestUnknown:
		return fault.Wrap(fault.NotFound, first, "manifest for %s not found", reference.FamiliarString(ref))
	case NameUnknown:
		return fault.Wrap(fault.NotFound, first, "repository %s not found", reference.FamiliarName(ref))
	}
	return fault.As(fault.Internal, first)
}

// LookupError words what went wrong when a registry was asked what a name stands for: as it says it itself.
func LookupError(err error) error {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return plain(err)
	case e.Code == "":
		return fault.As(fault.Internal, err)
	case e.Code == TooMany:
		return fault.As(fault.TooMany, err)
	case e.Status == http.StatusBadRequest:
		return fault.As(fault.Invalid, err)
	}
	return err
}

// PushError words what went wrong when something was pushed, as Docker does.
func PushError(err error) error {
	var refusal *Error
	var stranger *unproven
	switch {
	case errors.As(err, &refusal):
		return fault.New(fault.KindOf(err), "%s", refusal.first)
	case errors.As(err, &stranger):
		return stranger.cause
	}
	return err
}

// unproven is what became of a question whose registry wanted to know who asks, and was not satisfied.
type unproven struct {
	question string // Get "https://…"
	cause    error
}

func (u *unproven) Error() string { return u.question + ": " + u.cause.Error() }
func (u *unproven) Unwrap() error { return u.cause }

// plain takes the kind from what a connection and a token server say: nobody can do anything about it at this daemon.
func plain(err error) error {
	var connection *url.Error
	if errors.As(err, &connection) && !fault.Is(err, fault.Cancelled) || fault.Is(err, fault.Unauthorized) || fault.Is(err, fault.Forbidden) {
		return fault.As(fault.Internal, err)
	}
	return err
}
