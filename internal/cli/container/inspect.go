package container

import (
	"bytes"
	"context"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

// NewInspect returns `container inspect`.
func NewInspect(s *session.Session) *cobra.Command {
	var text string
	var size bool
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Display detailed information on one or more containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args, text, func(ref string) (format.Inspected, error) {
				return Inspect(cmd.Context(), client, ref, size)
			})
		},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	cmd.Flags().BoolVarP(&size, "size", "s", false, "Display total file sizes")
	return cmd
}

// Inspect returns a container for inspect commands.
func Inspect(ctx context.Context, client *engine.Client, ref string, size bool) (format.Inspected, error) {
	raw, err := client.Containers().InspectRaw(ctx, ref, size)
	if err != nil {
		return format.Inspected{}, err
	}
	if bytes.Contains(raw, []byte(`"IDMapping"`)) { // else the fields are in Docker's order
		return format.InspectedAs[mappedInspect](raw), nil
	}
	return format.InspectedAs[container.InspectResponse](raw), nil
}

// mappedInspect is an answer with mounts that have more than Docker's.
type mappedInspect struct {
	container.InspectResponse
	HostConfig *engine.HostConfig
}
