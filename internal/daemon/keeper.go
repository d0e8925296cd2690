package daemon

import (
	"context"
	"time"

	"berth/internal/keeper"
)

// watchKeeper follows what the keeper reports, and starts another when it has
// died: running containers are not lost with it.
func (d *Daemon) watchKeeper(ctx context.Context) {
	for {
		client := d.keeper.Load()
		d.containers.Follow(client)
		if ctx.Err() != nil {
			return
		}
		d.log.Error("the keeper has ended: another one is started")
		for {
			next, err := keeper.Ensure(ctx, d.cfg.ExecRoot, d.keeperProgram())
			if err == nil {
				d.keeper.Store(next)
				if ctx.Err() != nil { // the daemon ends, and may have closed the one before
					next.Close()
					return
				}
				d.containers.Orphaned(next)
				break
			}
			d.log.Error("the keeper cannot be started: " + err.Error())
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}
