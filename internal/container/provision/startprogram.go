package provision

import (
	"context"
	"errors"
	"os"
	"time"

	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/pidfd"
	"berth/internal/program"
	"berth/internal/runtime"
)

// UndoStart ends a process whose start is not to be. What the caller gives
// back afterwards, the control group above all, is free when it returns.
func UndoStart(client *keeper.Client, process *os.File, id string) {
	_ = pidfd.Send(process, 9) // it may have ended
	process.Close()
	for end := time.Now().Add(KillTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !fault.Is(client.Forget(context.Background(), id), fault.Conflict) {
			return // else the keeper has not reaped it yet
		}
	}
}

// startTries is how often a program is started that fails for a reason that
// passes: a mount or a rename elsewhere on the host at the wrong moment.
const startTries = 5

// StartProgram has the keeper start a program.
func StartProgram(ctx context.Context, client *keeper.Client, q keeper.StartRequest) (proc keeper.Process, pidfd *os.File, err error) {
	for range startTries {
		var f *program.Failure
		proc, pidfd, err = client.Start(ctx, q)
		switch {
		case errors.As(err, &f) && runtime.Transient(f):
		case fault.Is(err, fault.Conflict) && client.Forget(ctx, q.ID) == nil:
			// An earlier run whose end could not be recorded: it is in our memory.
		default:
			return proc, pidfd, err
		}
	}
	return proc, pidfd, err
}
