// Package fault gives every error that crosses a room's border a kind.
//
// A kind says what a caller can do about the error; the text is a whole
// sentence for the person who reads it. Borders (HTTP, exit codes) map kinds
// in one table each and never look at the text.
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies an error by what the caller may do about it.
type Kind int

// The kinds. Internal is the zero value: an error without a kind is ours.
const (
	Internal     Kind = iota // a defect or an I/O failure of ours
	Invalid                  // the request is malformed or contradicts itself
	NotFound                 // the named object does not exist
	Conflict                 // the object's state does not allow it now
	NotModified              // the object is already as asked
	Unauthorized             // credentials are missing or wrong
	Forbidden                // credentials are right and it is not allowed
	Unavailable              // something needed is not there now; try again
	Unsupported              // this engine cannot do it (yet)
	Cancelled                // the caller gave up
	TooMany                  // somebody was asked too often; wait
)

// Error is an error with a kind. Text, when set, replaces the text of Err.
type Error struct {
	Kind Kind
	Text string
	Err  error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Text
	case e.Text == "":
		return e.Err.Error()
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns the cause, if any.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the given kind with a formatted text.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// Wrap gives err a kind and a context in front of its text. A nil err stays nil.
func Wrap(kind Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...), Err: err}
}

// As gives err a kind and leaves its text alone. A nil err stays nil.
func As(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Err: err}
}

// KindOf returns the kind of the outermost Error in err's chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the given kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
