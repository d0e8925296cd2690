//go:build linux

package keeper

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

const (
	ensurePatience = 10 * time.Second // for a keeper to answer
	ensureStep     = time.Millisecond // between looks
	logName        = "keeper.log"
)

// Ensure connects to the keeper of an exec root, and starts keeperBinary when
// there is none. The keeper is detached: a session of its own, nothing
// inherited, output to <exec-root>/keeper.log. It waits a while for a daemon
// that is just going away, and reports it as a Conflict when it stays.
func Ensure(ctx context.Context, execRoot, keeperBinary string) (*Client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ensurePatience,
		fault.New(fault.Unavailable, "the keeper does not answer; see %s", filepath.Join(execRoot, logName)))
	defer cancel()
	var left chan string // how the keeper that we started ended
	for {
		c, err := Dial(ctx, execRoot)
		if err == nil || fault.Is(err, fault.Cancelled) {
			return c, err
		}
		switch {
		case fault.Is(err, fault.Unavailable) && left == nil:
			if left, err = spawn(execRoot, keeperBinary); err != nil {
				return nil, err
			}
		case !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Conflict):
			return nil, err
		}
		select {
		case how := <-left:
			if how != "exit status 0" { // 0: another keeper was faster, or is just leaving
				return nil, fault.New(fault.Unavailable, "the keeper ended at once (%s); see %s", how, filepath.Join(execRoot, logName))
			}
			left = nil
		case <-time.After(ensureStep):
		case <-ctx.Done():
			if fault.Is(err, fault.Conflict) {
				return nil, err
			}
			return nil, context.Cause(ctx)
		}
	}
}

// spawn starts a keeper. The channel gets one word when it ends.
func spawn(execRoot, binary string) (chan string, error) {
	log, err := os.OpenFile(filepath.Join(execRoot, logName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "cannot open the keeper's log")
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "cannot start the keeper")
	}
	defer null.Close()
	// Descriptors that this process was itself given without close-on-exec would
	// go on to the keeper, and hold somebody's pipe open for months.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	program, tree := sealed(binary, null, log)
	if tree != nil {
		defer tree.Close()
	}
	p, err := os.StartProcess(program, []string{binary, "--root", execRoot}, &os.ProcAttr{
		Dir: "/", Env: environment(), Files: []*os.File{null, log, log},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "cannot start the keeper")
	}
	left := make(chan string, 1)
	go func() {
		state, err := p.Wait()
		if err != nil {
			left <- err.Error()
			return
		}
		left <- state.String()
	}()
	return left, nil
}

// environment is what the keeper may see: nothing that could be a secret.
// Two Ps are enough for it, and every P has caches of its own.
func environment() []string {
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GOMAXPROCS=2"}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "BERTH_") || strings.HasPrefix(v, "GODEBUG=") || strings.HasPrefix(v, "GOTRACEBACK=") {
			env = append(env, v)
		}
	}
	return env
}
