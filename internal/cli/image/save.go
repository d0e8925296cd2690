package image

import (
	"context"
	"io"

	"berth/internal/cli/outfile"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewSave returns `save`.
func NewSave(s *session.Session) *cobra.Command {
	var output string
	var platforms []string
	cmd := &cobra.Command{
		Use:   "save [OPTIONS] IMAGE [IMAGE...]",
		Short: "Save one or more images to a tar archive (streamed to STDOUT by default)",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			queries, err := platformQueries(platforms)
			if err != nil {
				return err
			}
			return outfile.Write(s, output, "save image", func(out io.Writer) error {
				return copySaved(cmd.Context(), s, args, queries, out)
			})
		},
		Annotations: aliases("berth image save, berth save"),
	}
	fs := cmd.Flags()
	fs.StringVarP(&output, "output", "o", "", "Write to a file, instead of STDOUT")
	installPlatforms(fs, &platforms, "Save")
	return cmd
}

func copySaved(ctx context.Context, s *session.Session, refs, platforms []string, out io.Writer) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	archive, err := client.Images().Save(ctx, refs, platforms)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	_, err = io.Copy(out, archive)
	return err
}
