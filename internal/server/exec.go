package server

import (
	"net/http"

	"berth/internal/container/execs"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/show"

	wire "github.com/moby/moby/api/types/container"
)

// execRoutes are the handlers of /exec and of /containers/{id}/exec.
type execRoutes struct {
	execs Execs
	life  *lifetime
}

func (r execRoutes) create(c *call) error {
	var body wire.ExecCreateRequest
	if err := c.decode(&body); err != nil {
		return err
	}
	if len(body.Cmd) == 0 {
		return fault.New(fault.Invalid, "No exec command specified")
	}
	cfg := record.ExecConfig{
		User:         body.User,
		Privileged:   body.Privileged,
		Tty:          body.Tty,
		AttachStdin:  body.AttachStdin,
		AttachStdout: body.AttachStdout,
		AttachStderr: body.AttachStderr,
		DetachKeys:   body.DetachKeys,
		Env:          body.Env,
		WorkingDir:   body.WorkingDir,
		Cmd:          body.Cmd,
	}
	if body.ConsoleSize != nil && c.version.Has(compat.ConsoleSize) {
		cfg.ConsoleSize = *body.ConsoleSize
	}
	id, err := r.execs.ExecCreate(c.r.Context(), c.name, cfg)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, wire.ExecCreateResponse{ID: id})
	return nil
}

// start runs an exec: detached, or with its streams on the hijacked connection.
func (r execRoutes) start(c *call) (err error) {
	var body wire.ExecStartRequest
	if err := c.decodeOptional(&body); err != nil {
		return err
	}
	opts := execs.StartOptions{Detach: body.Detach, Tty: body.Tty}
	if body.ConsoleSize != nil && body.Tty && c.version.Has(compat.ConsoleSize) {
		opts.ConsoleSize = *body.ConsoleSize
	}
	if body.Detach {
		return r.execs.ExecStart(c.r.Context(), c.name, opts)
	}
	ctx, cancel := r.life.lasting(c.r.Context())
	t := &stream{life: r.life, call: c, cancel: cancel, told: c.w.Header().Clone()}
	opts.Open = t.open
	defer t.finish(&err)
	return r.execs.ExecStart(ctx, c.name, opts)
}

func (r execRoutes) resize(c *call) error {
	height, width, err := c.size()
	if err != nil {
		return err
	}
	return r.execs.ExecResize(c.r.Context(), c.name, height, width)
}

func (r execRoutes) inspect(c *call) error {
	e, err := r.execs.ExecInspect(c.name)
	if err != nil {
		return err
	}
	answer := wire.ExecInspectResponse{
		ID:            e.ID,
		Running:       e.Running,
		ExitCode:      e.ExitCode,
		ProcessConfig: &wire.ExecProcessConfig{Tty: e.Config.Tty, Privileged: &e.Config.Privileged, User: e.Config.User},
		OpenStdin:     e.Config.AttachStdin,
		OpenStdout:    e.Config.AttachStdout,
		OpenStderr:    e.Config.AttachStderr,
		CanRemove:     e.CanRemove,
		ContainerID:   e.ContainerID,
		DetachKeys:    e.DetachKeys,
		Pid:           e.Pid,
	}
	if len(e.Config.Cmd) > 0 {
		answer.ProcessConfig.Entrypoint = e.Config.Cmd[0]
		answer.ProcessConfig.Arguments = show.OrEmpty(e.Config.Cmd[1:])
	}
	return c.json(answer, nil)
}
