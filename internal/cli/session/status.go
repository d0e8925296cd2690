package session

import (
	"fmt"

	"github.com/spf13/cobra"
)

// StatusError ends the client with a code. An empty Text prints nothing: the
// code is the container's.
type StatusError struct {
	Code  int
	Text  string
	Cause error
}

func (e *StatusError) Error() string { return e.Text }

// Unwrap returns the cause, if any.
func (e *StatusError) Unwrap() error { return e.Cause }

// WithHelp puts the program's name before an error and points to the command's help.
func WithHelp(err error, command string) string {
	return fmt.Sprintf("berth: %v\n\nRun 'berth %s --help' for more information", err, command)
}

// FlagError is cobra's hook for flags that cannot be read: code 125.
func FlagError(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &StatusError{Code: 125, Cause: err, Text: fmt.Sprintf(
		"%v\n\nUsage:  %s\n\nRun '%s --help' for more information", err, cmd.UseLine(), cmd.CommandPath())}
}

// NoArgs refuses arguments.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return argError(cmd, "accepts no arguments", "Run")
}

// ExactArgs wants n arguments.
func ExactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return argError(cmd, fmt.Sprintf("requires %d %s", n, plural(n)), "Run")
	}
}

// MinArgs wants at least n arguments.
func MinArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return argError(cmd, fmt.Sprintf("requires at least %d %s", n, plural(n)), "See")
	}
}

// MaxArgs wants at most n arguments.
func MaxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return argError(cmd, fmt.Sprintf("requires at most %d %s", n, plural(n)), "Run")
	}
}

// RangeArgs wants at least from and at most to arguments.
func RangeArgs(from, to int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= from && len(args) <= to {
			return nil
		}
		return argError(cmd, fmt.Sprintf("requires at least %d and at most %d %s", from, to, plural(to)), "Run")
	}
}

func argError(cmd *cobra.Command, what, see string) error {
	return &StatusError{Code: 1, Text: fmt.Sprintf(
		"berth: '%s' %s\n\nUsage:  %s\n\n%s '%[1]s --help' for more information",
		cmd.CommandPath(), what, cmd.UseLine(), see)}
}

func plural(n int) string {
	if n == 1 {
		return "argument"
	}
	return "arguments"
}
