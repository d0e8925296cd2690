package image

import (
	"context"
	"errors"
	"io"
	"os"

	"berth/internal/cli/progress"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewLoad returns `load`.
func NewLoad(s *session.Session) *cobra.Command {
	var input string
	var quiet bool
	var platforms []string
	cmd := &cobra.Command{
		Use:   "load [OPTIONS]",
		Short: "Load an image from a tar archive or STDIN",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			queries, err := platformQueries(platforms)
			if err != nil {
				return err
			}
			return runLoad(cmd.Context(), s, input, queries, quiet)
		},
		Annotations: aliases("berth image load, berth load"),
	}
	fs := cmd.Flags()
	fs.StringVarP(&input, "input", "i", "", "Read from tar archive file, instead of STDIN")
	fs.BoolVarP(&quiet, "quiet", "q", false, "Suppress the load output")
	installPlatforms(fs, &platforms, "Load")
	return cmd
}

func runLoad(ctx context.Context, s *session.Session, input string, platforms []string, quiet bool) error {
	archive := s.In
	switch {
	case input != "":
		f, err := os.Open(input)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		archive = f
	case s.IsInTerminal():
		return errors.New("requested load from stdin, but stdin is empty")
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	// Hiding the type keeps the transport from closing the client's own input.
	body, err := client.Images().Load(ctx, io.MultiReader(archive), platforms, quiet || !s.IsOutTerminal())
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return progress.Show(body, s.Out)
}
