package image

import (
	"context"
	"io"
	"os"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/imageref"
	"berth/internal/cli/opts"
	"berth/internal/cli/progress"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewImport returns `import`.
func NewImport(s *session.Session) *cobra.Command {
	var o engine.ImportOptions
	var changes opts.List
	cmd := &cobra.Command{
		Use:   "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
		Short: "Import the contents from a tarball to create a filesystem image",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Changes = changes.Values
			return runImport(cmd.Context(), s, o, args)
		},
		Annotations: aliases("berth image import, berth import"),
	}
	platform, _ := s.Getenv("DOCKER_DEFAULT_PLATFORM")
	fs := cmd.Flags()
	fs.VarP(&changes, "change", "c", "Apply Dockerfile instruction to the created image")
	fs.StringVarP(&o.Message, "message", "m", "", "Set commit message for imported image")
	fs.StringVar(&o.Platform, "platform", platform, "Set platform if server is multi-platform capable")
	return cmd
}

func runImport(ctx context.Context, s *session.Session, o engine.ImportOptions, args []string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	if len(args) > 1 {
		if _, err := imageref.Parse(args[1]); err != nil {
			return err
		}
		o.Repo = args[1]
	}
	o.Source = "-"
	var body io.Reader
	switch source := args[0]; {
	case source == "-":
		body = io.MultiReader(s.In)
	case strings.HasPrefix(source, "https://"), strings.HasPrefix(source, "http://"):
		o.Source = source
	default:
		f, err := os.Open(source)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		body = f
	}
	stream, err := client.Images().Import(ctx, body, o)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	return progress.Show(stream, s.Out)
}
