package server

import (
	"net/http"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/show"

	wire "github.com/moby/moby/api/types/container"
)

func (s *Server) execCreate(c *call) error {
	var body wire.ExecCreateRequest
	if err := c.decode(&body); err != nil {
		return err
	}
	if len(body.Cmd) == 0 {
		return fault.New(fault.Invalid, "No exec command specified")
	}
	cfg := container.ExecConfig{
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
	id, err := s.Execs.ExecCreate(c.r.Context(), c.name, cfg)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, wire.ExecCreateResponse{ID: id})
	return nil
}

// execStart runs an exec: detached, or with its streams on the hijacked connection.
func (s *Server) execStart(c *call) (err error) {
	var body wire.ExecStartRequest
	if err := c.decodeOptional(&body); err != nil {
		return err
	}
	opts := container.ExecStartOptions{Detach: body.Detach, Tty: body.Tty}
	if body.ConsoleSize != nil && body.Tty && c.version.Has(compat.ConsoleSize) {
		opts.ConsoleSize = *body.ConsoleSize
	}
	if body.Detach {
		return s.Execs.ExecStart(c.r.Context(), c.name, opts)
	}
	ctx, cancel := s.lasting(c.r.Context())
	t := &stream{server: s, call: c, cancel: cancel}
	opts.Open = t.open
	defer t.finish(&err)
	return s.Execs.ExecStart(ctx, c.name, opts)
}

func (s *Server) execResize(c *call) error {
	height, width, err := c.size()
	if err != nil {
		return err
	}
	return s.Execs.ExecResize(c.r.Context(), c.name, height, width)
}

func (s *Server) execInspect(c *call) error {
	e, err := s.Execs.ExecInspect(c.name)
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
		DetachKeys:    []byte(e.Config.DetachKeys),
		Pid:           e.Pid,
	}
	if len(e.Config.Cmd) > 0 {
		answer.ProcessConfig.Entrypoint = e.Config.Cmd[0]
		answer.ProcessConfig.Arguments = show.OrEmpty(e.Config.Cmd[1:])
	}
	return c.json(answer, nil)
}
