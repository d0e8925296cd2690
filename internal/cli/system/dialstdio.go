package system

import (
	"context"
	"errors"
	"io"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewDialStdio returns `system dial-stdio`, which clients on other machines run
// over ssh: its input and output are a connection to the daemon.
func NewDialStdio(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:    "dial-stdio",
		Short:  "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
		Args:   session.NoArgs,
		Hidden: true,
		RunE:   func(cmd *cobra.Command, _ []string) error { return runDialStdio(cmd.Context(), s) },
	}
}

func runDialStdio(ctx context.Context, s *session.Session) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	conn, err := client.Dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	sent, received := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, s.In)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			err = errors.Join(err, half.CloseWrite())
		}
		sent <- err
	}()
	go func() {
		_, err := io.Copy(s.Out, conn)
		received <- err
	}()
	// The daemon's end ends it; the client's own end may still have answers to come.
	for {
		select {
		case err := <-received:
			return err
		case err := <-sent:
			if err != nil {
				return err
			}
			sent = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
