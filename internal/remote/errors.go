package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
)

// Error is a registry's refusal.
type Error struct {
	Status int
	Code   Code   // of the first error it told; "" when it told none
	text   string // in Docker's words
}

func (e *Error) Error() string { return e.text }

// bodyLimit is how much of an error's body is read.
const bodyLimit = 64 << 10

// refusal reads what a registry answered instead of what was asked for. It closes the body.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, bodyLimit)) // of half a body half is known
	e := &Error{Status: resp.StatusCode}
	e.Code, e.text = said(resp, body)
	return fault.As(kindOf(e), e)
}

// said words an error's body as Docker does.
func said(resp *http.Response, body []byte) (Code, string) {
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if resp.StatusCode >= 500 || resp.StatusCode < 400 {
		return "", "received unexpected HTTP status: " + status
	}
	var told struct {
		Details string `json:"details"`
		Errors  []struct {
			Code    Code   `json:"code"`
			Message string `json:"message"`
			Detail  any    `json:"detail"`
		} `json:"errors"`
	}
	err := json.Unmarshal(body, &told)
	switch {
	case err == nil && len(told.Errors) > 0:
		var texts []string
		for _, t := range told.Errors {
			if t.Message == "" {
				t.Message = strings.ToLower(strings.ReplaceAll(string(t.Code), "_", " "))
			}
			texts = append(texts, strings.ToLower(strings.ReplaceAll(string(t.Code), "_", " "))+": "+t.Message)
		}
		return told.Errors[0].Code, strings.Join(texts, "\n")
	case err == nil && told.Details != "" && resp.StatusCode == http.StatusTooManyRequests:
		return "", "toomanyrequests: " + told.Details
	case resp.StatusCode == http.StatusTooManyRequests:
		return "", "toomanyrequests: " + strings.TrimSpace("too many requests "+excerpt(body))
	case resp.StatusCode == http.StatusUnauthorized:
		return Unauthorized, "unauthorized: authentication required"
	case resp.StatusCode == http.StatusForbidden:
		return Denied, "denied: requested access to the resource is denied"
	case len(body) == 0, err == nil:
		return "", "received unexpected HTTP status: " + status
	}
	return "", fmt.Sprintf("error parsing HTTP %d response body: %v: %s", resp.StatusCode, err, fault.Quoted(string(body)))
}

func excerpt(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	return fault.Quoted(string(body))
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

// PullError words what went wrong when ref was pulled, as Docker does.
func PullError(err error, ref reference.Named) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case Denied:
		return fault.Wrap(fault.NotFound, e, "pull access denied for %s, repository does not exist or may require 'docker login'", reference.FamiliarName(ref))
	case ManifestUnknown:
		return fault.Wrap(fault.NotFound, e, "manifest for %s not found", reference.FamiliarString(ref))
	case NameUnknown:
		return fault.Wrap(fault.NotFound, e, "repository %s not found", reference.FamiliarName(ref))
	}
	return err
}
