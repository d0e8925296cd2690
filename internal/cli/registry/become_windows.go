package registry

import (
	"errors"
	"os"
	"os/exec"

	"berth/internal/cli/session"
	"berth/internal/fault"
)

// become runs a program to its end, and ends as it did.
func become(path string, args []string) error {
	cmd := exec.Command(path, args[1:]...) // #nosec G204 -- the program that is installed with ours
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &session.StatusError{Code: exit.ExitCode(), Cause: err}
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "berth: %s could not be run", path)
	}
	return nil
}
