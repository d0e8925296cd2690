package server

import (
	"encoding/json"
	"net/http"

	"berth/internal/fault"

	"github.com/moby/moby/api/types/common"
)

// statusClientGone is what nginx logs for a request whose client went away.
const statusClientGone = 499

// statuses is the border's one table of error kinds.
var statuses = map[fault.Kind]int{
	fault.Internal:     http.StatusInternalServerError,
	fault.Invalid:      http.StatusBadRequest,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.NotModified:  http.StatusNotModified,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.Unavailable:  http.StatusServiceUnavailable,
	fault.Unsupported:  http.StatusNotImplemented,
	fault.Cancelled:    statusClientGone,
	fault.TooMany:      http.StatusTooManyRequests,
}

// statusOf returns the HTTP status of err.
func statusOf(err error) int {
	if s, ok := statuses[fault.KindOf(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// writeError answers err as {"message": …}; a 304 has no body.
func writeError(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	writeJSON(w, status, common.ErrorResponse{Message: err.Error()})
}

// writeJSON answers v, with & < > as they are, as Docker does. An error can only mean that the
// client is gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

// errPageNotFound is Docker's answer to unknown paths and to wrong methods alike.
var errPageNotFound = fault.New(fault.NotFound, "page not found")
