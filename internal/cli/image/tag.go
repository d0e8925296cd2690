package image

import (
	"berth/internal/cli/imageref"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// NewTag returns `tag`.
func NewTag(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
		Short: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
		Args:  session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := imageref.Parse(args[1])
			if err != nil {
				return fault.Wrap(fault.Invalid, err, "Error parsing reference: %q is not a valid repository/tag", args[1])
			}
			if target.Digest != "" {
				return fault.New(fault.Invalid, "refusing to create a tag with a digest reference")
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			target = target.WithDefaultTag()
			return client.Images().Tag(cmd.Context(), args[0], target.Name(), target.Tag)
		},
		Annotations: aliases("berth image tag, berth tag"),
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
