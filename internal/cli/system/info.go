package system

import (
	"context"
	"errors"
	"fmt"
	"io"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"
)

type clientInfo struct {
	Debug bool
	clientVersion
	Plugins  []string
	Warnings []string
}

type infos struct {
	*system.Info `json:",omitempty"`
	ServerErrors []string    `json:",omitempty"`
	ClientInfo   *clientInfo `json:",omitempty"`
	ClientErrors []string    `json:",omitempty"`
}

// NewInfo returns `info`.
func NewInfo(s *session.Session, b Build) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "info [OPTIONS]",
		Short: "Display system-wide information",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInfo(cmd.Context(), s, BuildOf(b), text)
		},
		Annotations: map[string]string{"category-top": "12", "aliases": "berth system info, berth info"},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	return cmd
}

func runInfo(ctx context.Context, s *session.Session, b Build, text string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	i := infos{
		Info:       &system.Info{},
		ClientInfo: &clientInfo{Debug: s.Flags.Debug, clientVersion: ours(s, b), Plugins: []string{}},
	}
	server, err := client.System().Info(ctx)
	var lost *engine.ConnectionError
	switch {
	case err == nil:
		i.Info = &server
	case errors.As(err, &lost):
	default:
		i.ServerErrors, err = append(i.ServerErrors, err.Error()), nil
		if text != "" {
			_, _ = fmt.Fprintln(s.Err, i.ServerErrors[0])
		}
	}
	if text != "" {
		return errors.Join(err, formatInfo(s.Out, i, text))
	}
	failed := len(i.ServerErrors) > 0
	printClientInfo(s.Out, i.ClientInfo)
	_, _ = fmt.Fprint(s.Out, "\nServer:\n")
	if err == nil && !failed {
		printServerInfo(s.Out, i.Info)
		for _, w := range i.Warnings {
			_, _ = fmt.Fprintln(s.Err, w)
		}
	}
	for _, e := range i.ServerErrors {
		_, _ = fmt.Fprintln(s.Err, "ERROR:", e)
	}
	if failed {
		return errors.New("errors pretty printing info")
	}
	return err
}

func formatInfo(out io.Writer, i infos, text string) error {
	if text == "json" {
		text = "{{json .}}"
	}
	tmpl, err := format.Parse(text)
	if err != nil {
		return &session.StatusError{Code: 64, Text: "template parsing error: " + err.Error(), Cause: err}
	}
	err = tmpl.Execute(out, i)
	_, _ = io.WriteString(out, "\n")
	return err
}
