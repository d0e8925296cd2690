// Package cause tells whose fault an error of the image store is.
package cause

import (
	"context"
	"errors"
	"syscall"

	"berth/internal/fault"
)

// Classify gives err a kind. An error that has one keeps it.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.As(fault.Cancelled, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(fault.Internal, err, "there is not enough space for the image")
	}
	return fault.As(fault.Internal, err)
}

// Blame says that an error met while reading an archive is the archive's
// fault, unless it is plainly the machine's or the caller's.
func Blame(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	for _, ours := range []error{
		context.Canceled, context.DeadlineExceeded, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS,
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EPERM, syscall.EACCES,
	} {
		if errors.Is(err, ours) {
			return Classify(err)
		}
	}
	return fault.Wrap(fault.Invalid, err, format, args...)
}
