package server

import (
	"context"
	"encoding/json"
	"net/http"

	"berth/internal/container/usage"
	"berth/internal/server/compat"
	"berth/internal/server/show"
)

// usageRoutes are the handlers about what containers use.
type usageRoutes struct {
	usage Usage
	life  *lifetime
}

// stats answers one JSON object for each sample.
func (r usageRoutes) stats(c *call) error {
	opts := usage.StatsOptions{Stream: !c.query.Has("stream") || c.flag("stream")}
	if c.version.Has(compat.OneShotStats) {
		opts.OneShot = c.flag("one-shot")
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(r.life.ctx, cancel)()
	enc, flush := json.NewEncoder(c.w), http.NewResponseController(c.w)
	begun := false
	err := r.usage.Stats(ctx, c.name, opts, func(s usage.Stats) error {
		if !begun {
			c.w.Header().Set("Content-Type", "application/json")
			begun = true
		}
		if err := enc.Encode(show.Stats(s)); err != nil {
			return err
		}
		return flush.Flush()
	})
	if begun {
		return nil // an error is the client's, which is gone
	}
	return err
}
