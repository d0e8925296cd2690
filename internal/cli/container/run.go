package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"berth/internal/cli/creation"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

type runOptions struct {
	creation.Options
	detach, sigProxy bool
	detachKeys       string
}

// NewRun returns `run`.
func NewRun(s *session.Session) *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use:   "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Create and run a new container from an image",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRun(cmd.Context(), s, o, args, cmd.Flags().Changed)
		},
		Annotations: map[string]string{"category-top": "1", "aliases": "berth container run, berth run"},
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.BoolVarP(&o.detach, "detach", "d", false, "Run container in background and print container ID")
	fs.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.BoolVar(&o.sigProxy, "sig-proxy", true, "Proxy received signals to the process")
	o.Install(fs, defaultPlatform(s), "running")
	s.InstallTrust(fs)
	return cmd
}

func runRun(ctx context.Context, s *session.Session, o *runOptions, args []string, changed func(string) bool) error {
	req, err := prepare(s, &o.Options, args, changed)
	if err != nil {
		return &session.StatusError{Code: 125, Text: session.WithHelp(err, "run"), Cause: err}
	}
	if o.detach {
		return runDetached(ctx, s, o, req)
	}
	if err := s.CheckTTY(req.AttachStdin, req.Tty); err != nil {
		return err
	}
	keys, err := detachKeys(s, o.detachKeys)
	if err != nil {
		return err
	}
	id, err := create(ctx, s, &o.Options, req)
	if err != nil {
		return startError(err)
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	a := &attached{session: s, client: client, id: id, tty: req.Tty, removed: req.HostConfig.AutoRemove}
	a.options = engine.AttachOptions{
		Stdin: req.AttachStdin, Stdout: req.AttachStdout, Stderr: req.AttachStderr, DetachKeys: keys,
	}
	// Signals belong to the container now; without the proxy they end the client.
	if o.sigProxy {
		ctx = context.WithoutCancel(ctx)
		defer proxySignals(ctx, client, id)()
	}
	err = a.run(ctx, func(ctx context.Context) error { return client.Containers().Start(ctx, id) })
	var failed *startFailure
	if errors.As(err, &failed) {
		return startError(failed.err)
	}
	return err
}

func runDetached(ctx context.Context, s *session.Session, o *runOptions, req engine.CreateRequest) error {
	if o.Attaches() {
		return errors.New("conflicting options: cannot specify both --attach and --detach")
	}
	req.AttachStdin, req.AttachStdout, req.AttachStderr, req.StdinOnce = false, false, false, false
	id, err := create(ctx, s, &o.Options, req)
	if err != nil {
		return startError(err)
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	// The container exists whatever start says, so its ID is told first.
	_, _ = fmt.Fprintln(s.Out, id)
	if err := client.Containers().Start(ctx, id); err != nil {
		return startError(err)
	}
	return nil
}

// proxySignals passes the client's signals on to the container until stopped.
func proxySignals(ctx context.Context, client *engine.Client, id string) (stop func()) {
	return terminal.Forward(func(name string) {
		// The container may have ended meanwhile; there is nobody to tell.
		_ = client.Containers().Kill(ctx, id, name)
	})
}

// startError gives an error of create or start its exit code: 127 when the
// program was not found, 126 when it cannot be run, else 125. The API carries
// no code for this, so the text is looked at, as docker and scripts around it do.
func startError(err error) error {
	text, code := err.Error(), 125
	switch {
	case fault.Is(err, fault.Unavailable):
	case strings.Contains(text, "executable file not found"),
		strings.Contains(text, "no such file or directory"),
		strings.Contains(text, "system cannot find the file specified"):
		code = 127
	case strings.Contains(text, syscall.EACCES.Error()), strings.Contains(text, syscall.EISDIR.Error()):
		code = 126
	}
	return &session.StatusError{Code: code, Text: session.WithHelp(err, "run"), Cause: err}
}
