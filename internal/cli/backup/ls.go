package backup

import (
	"fmt"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

// newLs returns `volume backup ls`.
func newLs(s *session.Session) *cobra.Command {
	var quiet bool
	var text string
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS] PLACE[:VOLUME]",
		Aliases: []string{"list"},
		Short:   "List the backups in a directory or a repository",
		Args:    session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := spot(s, args[0])
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			list, err := client.Backups().List(cmd.Context(), at)
			if err != nil {
				return err
			}
			rows := make([]*row, len(list))
			for i, b := range list {
				rows[i] = &row{b}
			}
			return format.Write(s.Out, template(text, quiet), header(), rows)
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only display the tags")
	cmd.Flags().StringVar(&text, "format", "", format.Help)
	return cmd
}

// template is what is shown of each backup.
func template(text string, quiet bool) string {
	switch {
	case quiet:
		return "{{.Tag}}"
	case text == "raw":
		return "tag: {{.Tag}}\nvolume: {{.Volume}}\ncreated_at: {{.CreatedAt}}\nsize: {{.Size}}\n"
	case text != "" && text != "table":
		return text
	}
	return "table {{.Tag}}\t{{.Volume}}\t{{.CreatedSince}}\t{{.Size}}\t{{.PackedSize}}\t{{.Problem}}"
}

func header() format.Header {
	return format.Header{
		"Tag": "BACKUP", "Volume": "VOLUME NAME", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED", "Size": "SIZE", "PackedSize": "PACKED SIZE",
		"Entries": "ENTRIES", "Digest": "DIGEST", "Problem": "PROBLEM",
	}
}

// row is a backup's row; its exported methods are the placeholders of --format.
type row struct{ b engine.Backup }

// MarshalJSON shows all placeholders.
func (r *row) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *row) Tag() string        { return r.b.Tag }
func (r *row) Volume() string     { return r.b.Volume }
func (r *row) Digest() string     { return r.b.Digest }
func (r *row) CreatedAt() string  { return r.b.CreatedAt }
func (r *row) Problem() string    { return r.b.Problem }
func (r *row) Size() string       { return units.HumanSize(float64(r.b.Size)) }
func (r *row) PackedSize() string { return units.HumanSize(float64(r.b.PackedSize)) }
func (r *row) Entries() string    { return fmt.Sprint(r.b.Entries) }

func (r *row) CreatedSince() string {
	at, err := time.Parse(time.RFC3339Nano, r.b.CreatedAt)
	if err != nil {
		return r.b.CreatedAt
	}
	return units.HumanDuration(time.Since(at)) + " ago"
}
