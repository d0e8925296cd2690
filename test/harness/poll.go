//go:build linux

package harness

import (
	"errors"
	"testing"
	"time"
)

// Patience is how long anything that must happen may take. It is far more than
// it ever takes: passing it means that it will not happen.
const Patience = 120 * time.Second

const pollStep = 10 * time.Millisecond

// Eventually waits until try returns nil, and fails the test with its last
// error when Patience is over.
func Eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	if err := within(Patience, try); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// fatal is an error that waiting does not mend.
type fatal struct{ error }

func within(limit time.Duration, try func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := try()
		var end fatal
		if err == nil || errors.As(err, &end) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pollStep)
	}
}
