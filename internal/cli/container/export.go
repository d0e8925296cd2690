package container

import (
	"context"
	"io"

	"berth/internal/cli/outfile"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewExport returns `export`.
func NewExport(s *session.Session) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [OPTIONS] CONTAINER",
		Short: "Export a container's filesystem as a tar archive",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return outfile.Write(s, output, "export container", func(out io.Writer) error {
				return copyExport(cmd.Context(), s, args[0], out)
			})
		},
		Annotations: aliases("berth container export, berth export"),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to a file, instead of STDOUT")
	return cmd
}

func copyExport(ctx context.Context, s *session.Session, name string, out io.Writer) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	content, err := client.Files().Export(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	_, err = io.Copy(out, content)
	return err
}
