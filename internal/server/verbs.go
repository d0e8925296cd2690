package server

import (
	"context"
	"encoding/json"
	"net/http"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/lines"

	wire "github.com/moby/moby/api/types/container"
)

// containerRoutes are the handlers of /containers.
type containerRoutes struct {
	containers Containers
	changes    Changes
	streams    Streams
	images     Images                         // to find containers by their image
	volumeDir  func(name string) string       // see Config.VolumeDir
	layerSize  func(id string) (int64, error) // see Config.LayerSize
	life       *lifetime
	lines      *lines.Cache
}

func (r containerRoutes) start(c *call) error {
	// Docker lets "null" and "{}" pass: older clients send them.
	if c.r.ContentLength > 7 || c.r.ContentLength == -1 {
		return fault.New(fault.Invalid, "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24")
	}
	if c.query.Get("checkpoint") != "" || c.query.Get("checkpoint-dir") != "" {
		return fault.New(fault.Unsupported, "starting from a checkpoint is not supported yet by berth")
	}
	return c.noContent(r.containers.Start(c.r.Context(), c.name))
}

func (r containerRoutes) stop(c *call) error {
	opts, err := c.stopOptions()
	if err != nil {
		return err
	}
	return c.noContent(r.containers.Stop(c.r.Context(), c.name, opts))
}

// stopOptions reads the query of a stop, and of a restart.
func (c *call) stopOptions() (container.StopOptions, error) {
	seconds, err := c.number("t")
	opts := container.StopOptions{Timeout: seconds}
	if c.version.Has(compat.StopSignal) {
		opts.Signal = c.query.Get("signal")
	}
	return opts, err
}

func (r containerRoutes) kill(c *call) error {
	return c.noContent(r.containers.Kill(c.r.Context(), c.name, c.query.Get("signal")))
}

func (r containerRoutes) remove(c *call) error {
	if c.flag("link") {
		return c.noContent(r.changes.Unlink(c.r.Context(), c.name))
	}
	opts := container.RemoveOptions{Force: c.flag("force"), Volumes: c.flag("v")}
	return c.noContent(r.containers.Remove(c.r.Context(), c.name, opts))
}

func (r containerRoutes) resize(c *call) error {
	height, width, err := c.size()
	if err != nil {
		return err
	}
	return r.streams.Resize(c.r.Context(), c.name, height, width)
}

// wait answers when the condition holds. From API 1.30 the header is sent
// once the wait is registered, so that a client may start the container then.
func (r containerRoutes) wait(c *call) error {
	cond := container.WaitNotRunning
	if c.version.Has(compat.WaitConditions) {
		switch asked := container.WaitCondition(c.query.Get("condition")); asked {
		case "":
		case container.WaitNotRunning, container.WaitNextExit, container.WaitRemoved:
			cond = asked
		default:
			return fault.New(fault.Invalid, "invalid condition: %q", string(asked))
		}
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(r.life.ctx, cancel)()
	results, err := r.containers.Wait(ctx, c.name, cond)
	if err != nil {
		return err
	}
	if c.version.Has(compat.WaitConditions) {
		c.w.Header().Set("Content-Type", "application/json")
		c.w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(c.w).Flush()
	}
	select {
	case result := <-results:
		if cond == container.WaitRemoved && result.Err != "" && !c.version.Has(compat.WaitReportsErrors) {
			return nil // an empty body is how these versions report it
		}
		c.writeWait(result)
	case <-ctx.Done():
		panic(http.ErrAbortHandler) // cut the stream: an orderly end would read as an answer
	}
	return nil
}

func (c *call) writeWait(r container.WaitResult) {
	answer := wire.WaitResponse{StatusCode: int64(r.Code)}
	if r.Err != "" {
		answer.Error = &wire.WaitExitError{Message: r.Err}
	}
	if !c.version.Has(compat.WaitConditions) {
		writeJSON(c.w, http.StatusOK, answer)
		return
	}
	_ = json.NewEncoder(c.w).Encode(answer)
}
