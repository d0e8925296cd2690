package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newImport returns `volume import`.
func newImport(s *session.Session) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "import [OPTIONS] VOLUME [file|URL|-]",
		Short: "Make a volume of a tar archive, which may be compressed (read from STDIN by default)",
		Args:  session.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			source := "-"
			if len(args) == 2 {
				source = args[1]
			}
			in, err := open(cmd.Context(), s, source)
			if err != nil {
				return err
			}
			defer func() { _ = in.Close() }()
			client, err := s.Engine()
			if err != nil {
				return err
			}
			// Hiding the type keeps the transport from closing the client's own input.
			made, err := client.Backups().Import(cmd.Context(), args[0], io.MultiReader(in), replace)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, made.Name)
			return err
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "Replace what is in a volume that no container runs with; it is kept as a snapshot")
	return cmd
}

// open opens what is imported. A URL is fetched by the client: it may name what only its host reaches.
func open(ctx context.Context, s *session.Session, source string) (io.ReadCloser, error) {
	switch {
	case source == "-" && s.IsInTerminal():
		return nil, errors.New("requested import from stdin, but stdin is a terminal")
	case source == "-":
		return io.NopCloser(s.In), nil
	case !strings.HasPrefix(source, "https://") && !strings.HasPrefix(source, "http://"):
		return os.Open(source)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s cannot be fetched: %s", source, resp.Status)
	}
	return resp.Body, nil
}
