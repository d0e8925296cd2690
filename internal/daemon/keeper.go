package daemon

import (
	"context"
	"time"

	"berth/internal/container"
	"berth/internal/keeper"
)

// watchKeeper follows what the keeper reports, and starts another when it has
// died: running containers are not lost with it.
func (d *Daemon) watchKeeper(ctx context.Context) {
	for {
		client := d.keeper.Load()
		container.Ends{Service: d.containers}.Follow(client)
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
				container.Ends{Service: d.containers}.Orphaned(next)
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

// renewKeeper has a keeper of an older build replaced by ours, without touching a container. When
// that cannot be, the old one goes on: it speaks a protocol that we do, or we would not be here.
func (d *Daemon) renewKeeper(ctx context.Context) {
	client, binary := d.keeper.Load(), d.keeperProgram()
	if !client.Outdated(binary) {
		return
	}
	if err := client.Renew(ctx, binary); err != nil {
		d.log.Warn("the keeper of an earlier build goes on: " + err.Error())
		return
	}
	d.log.Info("the keeper was of an earlier build and has been renewed")
}
