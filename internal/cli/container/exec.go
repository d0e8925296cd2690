package container

import (
	"context"
	"errors"
	"os"

	"berth/internal/cli/engine"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

type execOptions struct {
	request      container.ExecCreateRequest
	detach       bool
	interactive  bool
	detachKeys   string
	env, envFile opts.List
}

// NewExec returns `exec`.
func NewExec(s *session.Session) *cobra.Command {
	o := &execOptions{}
	o.env.Check = opts.Env
	cmd := &cobra.Command{
		Use:   "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
		Short: "Execute a command in a running container",
		Args:  session.MinArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExec(cmd.Context(), s, o, args)
		},
		Annotations: map[string]string{"category-top": "2", "aliases": "berth container exec, berth exec"},
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.BoolVarP(&o.detach, "detach", "d", false, "Detached mode: run command in the background")
	fs.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.VarP(&o.env, "env", "e", "Set environment variables")
	fs.Var(&o.envFile, "env-file", "Read in a file of environment variables")
	fs.BoolVarP(&o.interactive, "interactive", "i", false, "Keep STDIN open even if not attached")
	fs.BoolVar(&o.request.Privileged, "privileged", false, "Give extended privileges to the command")
	fs.BoolVarP(&o.request.Tty, "tty", "t", false, "Allocate a pseudo-TTY")
	fs.StringVarP(&o.request.User, "user", "u", "", `Username or UID (format: "<name|uid>[:<group|gid>]")`)
	fs.StringVarP(&o.request.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	return cmd
}

func runExec(ctx context.Context, s *session.Session, o *execOptions, args []string) error {
	req := &o.request
	var err error
	if req.Env, err = opts.ReadFiles(o.envFile.Values, o.env.Values, os.LookupEnv); err != nil {
		return err
	}
	if req.DetachKeys, err = detachKeys(s, o.detachKeys); err != nil {
		return err
	}
	req.Cmd = args[1:]
	req.AttachStdout, req.AttachStderr = !o.detach, !o.detach
	req.AttachStdin = o.interactive && !o.detach
	client, err := s.Engine()
	if err != nil {
		return err
	}
	if err := s.CheckTTY(req.AttachStdin, req.Tty); err != nil {
		// A container that is not there is the more useful news.
		if _, missing := client.Containers().Inspect(ctx, args[0]); missing != nil {
			return missing
		}
		return err
	}
	start := container.ExecStartRequest{Detach: o.detach, Tty: req.Tty}
	if h, w := terminal.Size(s.Out); req.Tty && (h != 0 || w != 0) {
		req.ConsoleSize = &[2]uint{h, w}
		start.ConsoleSize = req.ConsoleSize
	}
	id, err := client.Execs().Create(ctx, args[0], *req)
	if err != nil {
		return err
	}
	if id == "" {
		return errors.New("exec ID empty")
	}
	if o.detach {
		return client.Execs().Start(ctx, id, start)
	}
	return o.attached(ctx, s, id, start)
}

// attached starts the prepared process and stays with it.
func (o *execOptions) attached(ctx context.Context, s *session.Session, id string, start container.ExecStartRequest) error {
	req := &o.request
	client, err := s.Engine()
	if err != nil {
		return err
	}
	conn, err := client.Execs().Attach(ctx, id, start)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if req.Tty && s.IsInTerminal() {
		defer followSize(ctx, s, func(ctx context.Context, h, w uint) error {
			return client.Execs().Resize(ctx, id, h, w)
		})()
	}
	x := &streams{
		session: s, conn: conn, tty: req.Tty, detachKeys: req.DetachKeys,
		stdin: req.AttachStdin, out: true, stderr: true,
	}
	if err := x.run(ctx); err != nil {
		return err
	}
	return execStatus(ctx, client, id)
}

// execStatus returns the process's exit code; -1 when the daemon has gone.
func execStatus(ctx context.Context, client *engine.Client, id string) error {
	r, err := client.Execs().Inspect(ctx, id)
	var lost *engine.ConnectionError
	switch {
	case errors.As(err, &lost):
		return &session.StatusError{Code: -1}
	case err != nil:
		return err
	case r.ExitCode != nil && *r.ExitCode != 0:
		return &session.StatusError{Code: *r.ExitCode}
	}
	return nil
}
