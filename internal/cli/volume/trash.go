package volume

import (
	"bufio"
	"fmt"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

// newTrash returns `volume trash` with its verbs.
func newTrash(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trash",
		Short: "Manage volumes that were removed and are kept for a time",
		Args:  session.NoArgs,
	}
	cmd.AddCommand(newTrashLs(s), newTrashRestore(s), newTrashEmpty(s))
	return cmd
}

// newTrashLs returns `volume trash ls`.
func newTrashLs(s *session.Session) *cobra.Command {
	var text string
	var quiet, size bool
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List the volumes in the trash",
		Args:    session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			list, err := client.Volumes().Trash(cmd.Context(), size)
			if err != nil {
				return err
			}
			rows := make([]*trashRow, 0, len(list))
			for _, x := range list {
				rows = append(rows, &trashRow{x})
			}
			return format.Write(s.Out, trashTemplate(text, quiet, size), trashHeader(), rows)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&text, "format", "", format.Help)
	fs.BoolVarP(&quiet, "quiet", "q", false, "Only display IDs")
	fs.BoolVarP(&size, "size", "s", false, "Display what each volume takes of the disk")
	return cmd
}

// trashTemplate is what is shown of each volume in the trash.
func trashTemplate(text string, quiet, size bool) string {
	switch {
	case quiet:
		return "{{.ID}}"
	case text == "raw":
		return "id: {{.ID}}\nname: {{.Name}}\nremoved_at: {{.RemovedAt}}\nexpires_at: {{.ExpiresAt}}\n"
	case text != "" && text != "table":
		return text
	case size:
		return `table {{.ID}}\t{{.Name}}\t{{.RemovedSince}}\t{{.ExpiresIn}}\t{{.Size}}`
	}
	return `table {{.ID}}\t{{.Name}}\t{{.RemovedSince}}\t{{.ExpiresIn}}`
}

func trashHeader() format.Header {
	return format.Header{
		"ID": "TRASH ID", "Name": "VOLUME NAME", "CreatedAt": "CREATED AT", "RemovedAt": "REMOVED AT", "RemovedSince": "REMOVED",
		"ExpiresAt": "EXPIRES AT", "ExpiresIn": "EXPIRES", "Size": "SIZE",
	}
}

// trashRow is a row of the list; its exported methods are the placeholders of --format.
type trashRow struct{ x engine.Trashed }

func (r *trashRow) ID() string        { return r.x.ID }
func (r *trashRow) Name() string      { return r.x.Name }
func (r *trashRow) CreatedAt() string { return r.x.CreatedAt }
func (r *trashRow) RemovedAt() string { return r.x.RemovedAt }
func (r *trashRow) ExpiresAt() string { return r.x.ExpiresAt }

// RemovedSince is how long ago it was removed.
func (r *trashRow) RemovedSince() string {
	at, err := time.Parse(time.RFC3339, r.x.RemovedAt)
	if err != nil {
		return ""
	}
	return units.HumanDuration(time.Since(at)) + " ago"
}

// ExpiresIn is when it will be deleted.
func (r *trashRow) ExpiresIn() string {
	at, err := time.Parse(time.RFC3339, r.x.ExpiresAt)
	switch left := time.Until(at); {
	case err != nil:
		return ""
	case left <= 0:
		return "now"
	default:
		return "in " + units.HumanDuration(left)
	}
}

// Size is what it takes of the disk, if that was asked for.
func (r *trashRow) Size() string {
	if r.x.Size == nil {
		return "N/A"
	}
	return units.HumanSize(float64(*r.x.Size))
}

// MarshalJSON shows all placeholders.
func (r *trashRow) MarshalJSON() ([]byte, error) { return format.JSON(r) }

// newTrashRestore returns `volume trash restore`.
func newTrashRestore(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "restore VOLUME|ID [NEW_NAME]",
		Short: "Take a volume out of the trash: the last of its name, or one by its ID",
		Args:  restoreArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			v, err := client.Volumes().Restore(cmd.Context(), args[0], append(args, "")[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, v.Name)
			return err
		},
	}
}

// restoreArgs wants one argument or two.
func restoreArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return session.MinArgs(1)(cmd, args)
	}
	return session.MaxArgs(2)(cmd, args)
}

// newTrashEmpty returns `volume trash empty`.
func newTrashEmpty(s *session.Session) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "empty [OPTIONS] [VOLUME|ID...]",
		Short: "Delete what is in the trash, or some of it, for good",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !force {
				yes, err := s.Confirm(cmd.Context(), "WARNING! This will delete the volumes in the trash for good.\nAre you sure you want to continue?")
				if err != nil {
					return err
				}
				if !yes {
					return session.Cancelled{What: "emptying the trash has been cancelled"}
				}
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			gone, err := client.Volumes().EmptyTrash(cmd.Context(), args)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(s.Out)
			for _, id := range gone.VolumesDeleted {
				fmt.Fprintln(out, id)
			}
			fmt.Fprintln(out, "Total reclaimed space:", units.HumanSize(float64(gone.SpaceReclaimed)))
			return out.Flush()
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	return cmd
}
