package provision

import (
	"errors"

	"berth/internal/fault"
	"berth/internal/program"
	"berth/internal/runtime"
)

// ExitError is a start that failed because of what the user asked to run.
type ExitError struct {
	Code  int
	text  string
	cause *program.Failure
}

func (x *ExitError) Error() string { return x.text }

func (x *ExitError) Unwrap() error {
	if x.cause == nil { // and not a nil of another type
		return nil
	}
	return x.cause
}

// Failure gives a failed program Docker's words and exit code.
func (p *Prepared) Failure(err error) error {
	var f *program.Failure
	if !errors.As(err, &f) {
		if p.delegated != nil {
			return fault.As(fault.Invalid, p.delegated.explain(err))
		}
		kind := fault.Internal
		if fault.Is(err, fault.Unavailable) { // it was not tried: the keeper is gone
			kind = fault.Unavailable
		}
		return fault.Wrap(kind, err, "failed to create task for container")
	}
	text, code := p.explain(f)
	kind := fault.Internal
	if code == 126 || code == 127 {
		kind = fault.Invalid
	}
	return fault.As(kind, &ExitError{Code: code, text: text, cause: f})
}

// explain gives a failed step Docker's words and exit code.
func (p *Prepared) explain(f *program.Failure) (string, int) {
	f = p.prog.Fail(f.Step, f.Errno)
	if p.spec != nil {
		return runtime.StartFailure(f, p.spec)
	}
	return runtime.ExecFailure(f, p.process)
}
