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
	var text, platform string
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] IMAGE [IMAGE...]",
		Short: "Display detailed information on one or more images",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := platformQuery(platform)
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args, text, func(ref string) (format.Inspected, error) {
				return Inspect(cmd.Context(), client, ref, query)
			})
		},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	cmd.Flags().StringVar(&platform, "platform", "", `Inspect a specific platform of the multi-platform image.
If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`)
	session.Since(cmd.Flags(), "platform", "1.49")
	return cmd
}

// Inspect returns an image, or one platform of it, for inspect commands.
func Inspect(ctx context.Context, client *engine.Client, ref, platform string) (format.Inspected, error) {
	raw, err := client.Images().InspectRaw(ctx, ref, platform)
	if err != nil {
		return format.Inspected{}, err
	}
	return format.InspectedAs[image.InspectResponse](raw), nil
}
