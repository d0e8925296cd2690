package backup

import (
	"io"

	"berth/internal/cli/outfile"
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// newExport returns `volume export`.
func newExport(s *session.Session) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [OPTIONS] VOLUME",
		Short: "Export a volume's files as a tar archive (streamed to STDOUT by default)",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return outfile.Write(s, output, "export volume", func(out io.Writer) error {
				client, err := s.Engine()
				if err != nil {
					return err
				}
				tar, err := client.Backups().Export(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				defer func() { _ = tar.Close() }()
				_, err = io.Copy(out, tar)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to a file, instead of STDOUT")
	return cmd
}
