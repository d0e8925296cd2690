// Package refusal gives what a registry refuses the codes of the distribution
// specification, and each code its HTTP status: clients read both.
package refusal

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is an error code of the specification ("Error Codes"), or one of those
// that Docker's registry has beside it.
type Code string

// The codes. The last five are not the specification's own.
const (
	BlobUnknown         Code = "BLOB_UNKNOWN"
	UploadInvalid       Code = "BLOB_UPLOAD_INVALID"
	UploadUnknown       Code = "BLOB_UPLOAD_UNKNOWN"
	DigestInvalid       Code = "DIGEST_INVALID"
	ManifestBlobUnknown Code = "MANIFEST_BLOB_UNKNOWN"
	ManifestInvalid     Code = "MANIFEST_INVALID"
	ManifestUnknown     Code = "MANIFEST_UNKNOWN"
	NameInvalid         Code = "NAME_INVALID"
	NameUnknown         Code = "NAME_UNKNOWN"
	SizeInvalid         Code = "SIZE_INVALID"
	Unauthorized        Code = "UNAUTHORIZED"
	Denied              Code = "DENIED"
	Unsupported         Code = "UNSUPPORTED"
	TooMany             Code = "TOOMANYREQUESTS"
	TagInvalid          Code = "TAG_INVALID"
	PageInvalid         Code = "PAGINATION_NUMBER_INVALID"
	RangeInvalid        Code = "RANGE_INVALID"
	Unavailable         Code = "UNAVAILABLE"
	Unknown             Code = "UNKNOWN"
)

// Error is one refusal. Header is what its answer says beside the body.
type Error struct {
	Code   Code
	Text   string
	Detail any
	Status int // 0: the code's own
	Header http.Header
}

func (e *Error) Error() string { return e.Text }

// New returns a refusal with a whole sentence for whoever reads it.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Of finds the refusal in err's chain. What is no refusal is a failure of ours,
// whose text is for the log and not for the client.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(Unknown, "The registry failed; its log says how")
}

// Is reports whether err is a refusal with one of the codes.
func Is(err error, codes ...Code) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

// HTTP is the status of the answer.
func (e *Error) HTTP() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.status()
}

func (c Code) status() int {
	switch c {
	case BlobUnknown, UploadUnknown, ManifestUnknown, NameUnknown, ManifestBlobUnknown:
		return http.StatusNotFound
	case UploadInvalid, DigestInvalid, ManifestInvalid, NameInvalid, SizeInvalid, TagInvalid, PageInvalid:
		return http.StatusBadRequest
	case RangeInvalid:
		return http.StatusRequestedRangeNotSatisfiable
	case Unauthorized:
		return http.StatusUnauthorized
	case Denied:
		return http.StatusForbidden
	case Unsupported:
		return http.StatusMethodNotAllowed
	case TooMany:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
