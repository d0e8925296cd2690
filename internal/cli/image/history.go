package image

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

type historyOptions struct {
	human, quiet, noTrunc bool
	format, platform      string
}

// NewHistory returns `history`.
func NewHistory(s *session.Session) *cobra.Command {
	o := &historyOptions{}
	cmd := &cobra.Command{
		Use:   "history [OPTIONS] IMAGE",
		Short: "Show the history of an image",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runHistory(cmd.Context(), s, o, args[0])
		},
		Annotations: aliases("berth image history, berth history"),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.human, "human", "H", true, "Print sizes and dates in human readable format")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only show image IDs")
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate output")
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.StringVar(&o.platform, "platform", "", `Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`)
	session.Since(fs, "platform", "1.48")
	return cmd
}

func runHistory(ctx context.Context, s *session.Session, o *historyOptions, ref string) error {
	platform, err := platformQuery(o.platform)
	if err != nil {
		return fmt.Errorf("invalid platform: %w", err)
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	layers, err := client.Images().History(ctx, ref, platform)
	if err != nil {
		return err
	}
	text := o.format
	if text == "" || text == "table" {
		text = `table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`
		switch {
		case o.quiet:
			text = "{{.ID}}"
		case !o.human:
			text = strings.Replace(text, "CreatedSince", "CreatedAt", 1)
		}
	}
	rows := make([]*layer, len(layers))
	for i, l := range layers {
		rows[i] = &layer{l: l, trunc: !o.noTrunc, human: o.human}
	}
	return format.Write(s.Out, text, format.Header{
		"ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT",
	}, rows)
}

// layer is one step of a history; its exported methods are the placeholders of --format.
type layer struct {
	l            image.HistoryResponseItem
	trunc, human bool
}

// shownCommand is how many characters of a layer's command are shown.
const shownCommand = 45

// MarshalJSON shows all placeholders.
func (r *layer) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *layer) ID() string {
	if r.trunc {
		return format.ShortID(r.l.ID)
	}
	return r.l.ID
}

func (r *layer) CreatedAt() string { return time.Unix(r.l.Created, 0).Format(time.RFC3339) }

// CreatedSince leaves out times of before there were images: builds that can be
// repeated have them.
func (r *layer) CreatedSince() string {
	created := time.Unix(r.l.Created, 0)
	switch {
	case !r.human:
		return r.CreatedAt()
	case !created.After(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)):
		return "N/A"
	}
	return units.HumanDuration(time.Since(created)) + " ago"
}

func (r *layer) CreatedBy() string {
	by := strings.ReplaceAll(r.l.CreatedBy, "\t", " ")
	if r.trunc {
		return format.Ellipsis(by, shownCommand)
	}
	return by
}

func (r *layer) Size() string {
	if r.human {
		return units.HumanSizeWithPrecision(float64(r.l.Size), 3)
	}
	return strconv.FormatInt(r.l.Size, 10)
}

func (r *layer) Comment() string { return r.l.Comment }
