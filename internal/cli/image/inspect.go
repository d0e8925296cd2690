package image

import (
	"context"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

// NewInspect returns `image inspect`.
func NewInspect(s *session.Session) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] IMAGE [IMAGE...]",
		Short: "Display detailed information on one or more images",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args, text, func(ref string) (format.Inspected, error) {
				return Inspect(cmd.Context(), client, ref)
			})
		},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	session.Refuse(cmd.Flags(), session.Refused{Name: "platform"})
	return cmd
}

// Inspect returns an image for inspect commands.
func Inspect(ctx context.Context, client *engine.Client, ref string) (format.Inspected, error) {
	raw, err := client.Images().InspectRaw(ctx, ref)
	if err != nil {
		return format.Inspected{}, err
	}
	return format.InspectedAs[image.InspectResponse](raw), nil
}
