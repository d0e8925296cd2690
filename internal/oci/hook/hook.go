//go:build linux

// Package hook runs the hooks of an OCI spec (config.md, POSIX-platform
// hooks): the container's state on their input, nothing but their own
// environment, and no longer than their timeout.
package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Run executes hooks one after the other in this process's namespaces, and
// stops at the first that fails.
func Run(kind string, hooks []specs.Hook, state specs.State) error {
	if len(hooks) == 0 {
		return nil
	}
	input, err := json.Marshal(state)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The container's state cannot be written")
	}
	for i, h := range hooks {
		if err := one(h, state.Bundle, input); err != nil {
			return fault.Wrap(fault.Internal, err, "error running %s hook #%d", kind, i)
		}
	}
	return nil
}

func one(h specs.Hook, dir string, input []byte) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if h.Timeout != nil {
		ctx, cancel = context.WithTimeout(ctx, Timeout(h))
		defer cancel()
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, h.Path)
	cmd.Env = append([]string{}, h.Env...) // never nil: nothing of ours is inherited
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stdout, cmd.Stderr = &out, &out
	// What a hook leaves running may keep the output open for ever.
	cmd.WaitDelay = 100 * time.Millisecond
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	return explain(ctx, cmd.Run(), out.Bytes())
}

// Timeout is how long a hook may take.
func Timeout(h specs.Hook) time.Duration { return time.Duration(*h.Timeout) * time.Second }

func explain(ctx context.Context, err error, out []byte) error {
	var broken *exec.Error
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.New(fault.Internal, "hook ran past its timeout")
	case errors.As(err, &broken):
		return fault.As(fault.Invalid, err)
	case errors.Is(err, unix.ENOENT):
		return fault.As(fault.NotFound, err)
	}
	return fault.New(fault.Internal, "%v, stdout/stderr: %s", err, bytes.TrimSpace(out))
}
